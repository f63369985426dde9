//! What a certificate request asks for, as a signer reads it.

use std::net::IpAddr;

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::request::with_request;

/// The attributes of a subject that a certificate gets, in the order in which Go writes them: by their object identifiers.
const SUBJECT: &[&[u64]] = &[
    &[2, 5, 4, 6],
    ORGANIZATION,
    &[2, 5, 4, 11],
    &[2, 5, 4, 7],
    &[2, 5, 4, 8],
    &[2, 5, 4, 9],
    &[2, 5, 4, 17],
    COMMON_NAME,
    SERIAL_NUMBER,
];
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];

/// A request, read. What it has beside this is in no certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requested {
    /// The subject: object identifiers and their values.
    pub subject: Vec<(&'static [u64], Vec<String>)>,
    /// Alternative names: DNS.
    pub dns_names: Vec<String>,
    /// Alternative names: addresses.
    pub addresses: Vec<IpAddr>,
    /// Alternative names: mail.
    pub emails: Vec<String>,
    /// Alternative names: URIs.
    pub uris: Vec<String>,
    /// The public key: a `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
}

impl Requested {
    /// Reads a request in PEM, and checks that whoever has its key has signed it.
    ///
    /// # Errors
    /// What is no request, or not signed by its key; what it asks for in an encoding that is not read. In Go's words.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        super::request::check_request(pem)?;
        with_request(pem, of)?
    }

    /// The user that the certificate would name; empty: none.
    pub fn common_name(&self) -> &str {
        let names = self.values(COMMON_NAME);
        names.last().map_or("", String::as_str)
    }

    /// The groups that it would name.
    pub fn organizations(&self) -> &[String] {
        self.values(ORGANIZATION)
    }

    fn values(&self, wanted: &[u64]) -> &[String] {
        let mut parts = self.subject.iter();
        let found = parts.find(|(oid, _)| *oid == wanted);
        found.map_or(&[], |(_, values)| values)
    }
}

fn of(request: &X509CertificationRequest<'_>) -> Result<Requested, String> {
    let info = &request.certification_request_info;
    let mut requested = Requested {
        public_key: info.subject_pki.raw.to_vec(),
        ..Requested::default()
    };
    for &oid in SUBJECT {
        let all = info.subject.iter_attributes().filter(|attribute| {
            let parts = attribute.attr_type().iter();
            parts.is_some_and(|parts| parts.eq(oid.iter().copied()))
        });
        let values: Result<Vec<_>, _> = all.map(|it| it.as_str().map(str::to_owned)).collect();
        // One that cannot be read could be any.
        let mut values = values.map_err(|_| "a part of the subject cannot be read")?;
        if [COMMON_NAME, SERIAL_NUMBER].contains(&oid) {
            // Of several the last counts.
            values = values.pop().into_iter().collect();
        }
        if !values.is_empty() {
            requested.subject.push((oid, values));
        }
    }
    for extension in request.requested_extensions().into_iter().flatten() {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                for name in &names.general_names {
                    requested.add(name)?;
                }
            }
            ParsedExtension::ParseError { .. } => {
                return Err("x509: an extension cannot be read".to_owned());
            }
            _ => {}
        }
    }
    Ok(requested)
}

impl Requested {
    fn add(&mut self, name: &GeneralName<'_>) -> Result<(), String> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::RFC822Name(name) => self.emails.push((*name).to_owned()),
            GeneralName::URI(name) => self.uris.push((*name).to_owned()),
            GeneralName::IPAddress(octets) => self.addresses.push(address(octets)?),
            GeneralName::Invalid(..) => {
                return Err("x509: an alternative name cannot be read".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

fn address(octets: &[u8]) -> Result<IpAddr, String> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Ok(octets.into());
    }
    let length = octets.len();
    let octets = <[u8; 16]>::try_from(octets);
    let octets = octets.map_err(|_| format!("x509: cannot parse IP address of length {length}"));
    octets.map(IpAddr::from)
}
