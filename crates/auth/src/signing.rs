//! What the authority signs for others: a certificate with what was asked for, and nothing else.

mod usages;

use std::time::{Duration, SystemTime};

use navarch_api::certificates::Requested;
use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType, SerialNumber, SigningKey};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::{Authority, Error, Result};

/// Certificates hold from so long before they are signed, for clocks that differ. Kubernetes' 5 minutes; half their life, where that
/// is less, so that they are not old when they are new.
pub(crate) const BACKDATE: Duration = Duration::from_secs(300);
/// What holds for a shorter time ends no earlier for that. Kubernetes' 8 hours.
const SHORT: Duration = Duration::from_secs(8 * 3600);
/// Where subject and key are in what is signed of a certificate: behind version, number, algorithm, issuer and validity.
const SUBJECT_AT: usize = 5;

impl Authority {
    /// Signs what was asked for, in PEM: subject, key and alternative names as they are, these usages (in Kubernetes' words), and no
    /// authority to sign. It ends no later than the authority itself.
    pub fn sign(
        &self,
        request: &Requested,
        usages: &[String],
        life: Duration,
        now: SystemTime,
    ) -> Result<String> {
        let mut params = CertificateParams::default();
        if request.subject.is_empty() {
            // Then the alternative names are all there is.
            params.distinguished_name = rcgen::DistinguishedName::new();
        }
        params.serial_number = Some(random_number()?);
        params.custom_extensions = vec![no_authority()];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = alternative_names(request)?;
        (params.key_usages, params.extended_key_usages) = usages::read(usages)?;
        let (from, to) = self.times(life, now)?;
        (params.not_before, params.not_after) = (from.into(), to.into());
        let key = self.issuer().key();
        let draft = params.signed_by(key, self.issuer())?;
        let der = with_subject_and_key(draft.der(), request, key)?;
        Ok(crate::inspection::pem(&der))
    }

    /// From when until when a certificate holds that lives this long.
    fn times(&self, life: Duration, now: SystemTime) -> Result<(SystemTime, SystemTime)> {
        let wrong = |words: &str| Error::Certificate(words.to_owned());
        let own = CertificateDer::from_pem_slice(self.certificate().as_bytes());
        let own = own.map_err(|error| wrong(&error.to_string()))?;
        let end = crate::certificate_expires(&own).and_then(|end| u64::try_from(end).ok());
        let end = end.ok_or_else(|| wrong("the authority's cannot be read"))?;
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(end);
        if now >= end {
            return Err(wrong("the authority's own time is over"));
        }
        let backdate = backdate(life);
        let to = if life < SHORT {
            now + life
        } else {
            now + (life - backdate)
        };
        Ok((now - backdate, to.min(end)))
    }
}

/// A certificate's number, which no other of the authority has.
fn random_number() -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Certificate("the system has no random numbers".to_owned()))?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// The extension that says that it is the certificate of no authority.
fn no_authority() -> CustomExtension {
    let nothing = yasna::construct_der(|writer| writer.write_sequence(|_| ()));
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 19], nothing);
    extension.set_criticality(true);
    extension
}

/// How long before it is signed a certificate holds already.
pub(crate) fn backdate(life: Duration) -> Duration {
    BACKDATE.min(life / 2)
}

fn alternative_names(request: &Requested) -> Result<Vec<SanType>> {
    let text = |name: &String| {
        let text = name.as_str().try_into();
        text.map_err(|_| Error::Certificate(format!("{name:?} is no alternative name")))
    };
    let mut names = Vec::new();
    for name in &request.dns_names {
        names.push(SanType::DnsName(text(name)?));
    }
    for name in &request.emails {
        names.push(SanType::Rfc822Name(text(name)?));
    }
    names.extend(request.addresses.iter().copied().map(SanType::IpAddress));
    for name in &request.uris {
        names.push(SanType::URI(text(name)?));
    }
    Ok(names)
}

/// The certificate with another subject and another key, signed anew. rcgen's own subjects have one value of a kind, a user may be in
/// many groups; and it writes no keys of kinds that it cannot sign with.
fn with_subject_and_key(draft: &[u8], request: &Requested, key: &KeyPair) -> Result<Vec<u8>> {
    let parts = sequence(draft)?;
    let [to_sign, algorithm, _] = parts.as_slice() else {
        return Err(unreadable());
    };
    let mut fields = sequence(to_sign)?;
    let places = fields.get_mut(SUBJECT_AT..SUBJECT_AT + 2);
    let [subject, public_key] = places.ok_or_else(unreadable)? else {
        return Err(unreadable());
    };
    *subject = distinguished_name(request);
    public_key.clone_from(&request.public_key);
    let to_sign = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for field in &fields {
                writer.next().write_der(field);
            }
        });
    });
    let signature = key.sign(&to_sign)?;
    Ok(yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&to_sign);
            writer.next().write_der(algorithm);
            let bits = signature.len() * 8;
            writer.next().write_bitvec_bytes(&signature, bits);
        });
    }))
}

fn sequence(der: &[u8]) -> Result<Vec<Vec<u8>>> {
    yasna::parse_der(der, |reader| {
        reader.collect_sequence_of(|reader| reader.read_der())
    })
    .map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::Certificate("what was signed cannot be read".to_owned())
}

/// A subject: each attribute once, with all its values.
fn distinguished_name(request: &Requested) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for (oid, values) in &request.subject {
                let oid = yasna::models::ObjectIdentifier::from_slice(oid);
                writer.next().write_set_of(|writer| {
                    for value in values {
                        writer.next().write_sequence(|writer| {
                            writer.next().write_oid(&oid);
                            writer.next().write_utf8_string(value);
                        });
                    }
                });
            }
        });
    })
}

#[cfg(test)]
mod tests;
