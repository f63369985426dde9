//! The cluster's keys and certificates on disk: made on first start, read ever after.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::encryption::{Encryption, EncryptionError};
use crate::inspection::seconds;
use crate::{Authority, Error, Issued, PublicKey, Purpose, Result, SigningKey, Subject, TokenKeys};

/// Who signs for whom in this cluster. One directory, as kubeadm's `pki`; private keys have mode 0600.
pub struct Pki {
    directory: PathBuf,
    /// Signs servers and clients.
    pub authority: Authority,
    issuer: String,
}

impl Pki {
    /// Opens the directory; makes what is not there yet.
    pub fn open(directory: &Path, issuer: &str, now: SystemTime) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|source| file(directory, source))?;
        let (certificate, key) = (directory.join("ca.crt"), directory.join("ca.key"));
        let authority = if key.exists() {
            kept_authority(&certificate, &key, now)?
        } else {
            must_be_ours(directory, &certificate)?;
            let made = Authority::create("navarch", now)?;
            write(&certificate, made.certificate(), 0o644)?;
            // The key last: where it is, the rest is.
            write(&key, made.key(), 0o600)?;
            made
        };
        Ok(Self {
            directory: directory.to_owned(),
            authority,
            issuer: issuer.to_owned(),
        })
    }

    /// The same, whose own certificates hold for another time than a year.
    #[must_use]
    pub fn with_leaf_life(mut self, life: Duration) -> Self {
        self.authority = self.authority.with_leaf_life(life);
        self
    }

    /// Forgets the certificate called `name`: the next time it is asked for it is made anew.
    pub fn discard(&self, name: &str) -> Result<()> {
        let path = self.directory.join(format!("{name}.crt"));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(file(&path, source)),
            _ => Ok(()),
        }
    }

    /// The keys of service account tokens: that which signs them, made if it is not there yet, and `more` that they are believed by.
    pub fn token_keys(&self, more: Vec<PublicKey>) -> Result<TokenKeys> {
        let path = self.directory.join("sa.key");
        if !path.exists() {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            write(&path, &key.serialize_pem(), 0o600)?;
        }
        let signer = SigningKey::from_pem(&read(&path)?).map_err(|error| error.of(&path))?;
        Ok(TokenKeys::new(signer, more, &self.issuer))
    }

    /// How what is kept is encrypted, made with a new key if it is not there yet.
    pub fn encryption(&self) -> Result<Encryption> {
        let path = self.directory.join("encryption.yaml");
        let in_file = |error: EncryptionError| Error::InFile {
            path: path.clone(),
            reason: error.to_string(),
        };
        if !path.exists() {
            write(&path, &Encryption::generate().map_err(in_file)?, 0o600)?;
        }
        Encryption::parse(read(&path)?.as_bytes()).map_err(in_file)
    }

    /// The certificate called `name`, made for `subject` if it is not there yet, or is another's.
    pub fn client(&self, name: &str, subject: &Subject, now: SystemTime) -> Result<Issued> {
        self.kept(name, subject, Purpose::Client, now, |certificate| {
            names(certificate, subject)
        })
    }

    /// The server certificate called `name`; made anew where the one that is there does not have all of the subject's names and
    /// addresses.
    pub fn server(&self, name: &str, subject: &Subject, now: SystemTime) -> Result<Issued> {
        self.kept(name, subject, Purpose::Server, now, |certificate| {
            covers(certificate, subject)
        })
    }

    fn kept(
        &self,
        name: &str,
        subject: &Subject,
        purpose: Purpose,
        now: SystemTime,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Issued> {
        let (certificate, key) = (
            self.directory.join(format!("{name}.crt")),
            self.directory.join(format!("{name}.key")),
        );
        // What cannot be read is made anew, as what is not there.
        if let (Ok(certificate), Ok(key)) = (read(&certificate), read(&key)) {
            let found = Issued { certificate, key };
            let holds = fits(&found.certificate) && fresh(&found.certificate, now);
            if holds && belong(&found) && signed(&found.certificate, self.authority.certificate()) {
                return Ok(found);
            }
        }
        let made = self.authority.issue(subject, purpose, now)?;
        write(&certificate, &made.certificate, 0o644)?;
        write(&key, &made.key, 0o600)?;
        Ok(made)
    }
}

/// Refuses to make an authority where another one's certificate is without its key: in the directory of a node that has joined, and where the
/// key was lost, a new one would turn away all who believe the old. A start that was cut off leaves the certificate alone.
fn must_be_ours(directory: &Path, certificate: &Path) -> Result<()> {
    let entries = fs::read_dir(directory).map_err(|source| file(directory, source))?;
    let others = entries.flatten().any(|entry| entry.path() != *certificate);
    if others && certificate.exists() {
        let words = "the key of this authority is not here, so that no certificate can be signed: it is another server's whose node lives in this directory, or ca.key was lost";
        return Err(Error::Certificate(words.into()).of(certificate));
    }
    Ok(())
}

/// The authority of these files, while its certificate holds: every client would turn one away that does not.
fn kept_authority(certificate: &Path, key: &Path, now: SystemTime) -> Result<Authority> {
    let (text, secret) = (read(certificate)?, read(key)?);
    let (from, to) = validity(&text)
        .ok_or_else(|| Error::Certificate("it is no certificate".into()).of(certificate))?;
    if !(from..=to).contains(&seconds(now)) {
        let words = "this host's clock is not within the time in which it holds";
        return Err(Error::Certificate(words.into()).of(certificate));
    }
    Authority::load(text, secret).map_err(|error| error.of(key))
}

fn parsed<T>(
    pem: &str,
    look: impl FnOnce(&x509_parser::certificate::X509Certificate<'_>) -> T,
) -> Option<T> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    pem.parse_x509().ok().map(|certificate| look(&certificate))
}

/// From when until when a certificate holds, in seconds since 1970.
fn validity(pem: &str) -> Option<(i64, i64)> {
    parsed(pem, |certificate| {
        let validity = certificate.validity();
        (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        )
    })
}

/// Whether it holds already (a clock may have been set back since), and a third of its life is still to come.
fn fresh(pem: &str, now: SystemTime) -> bool {
    let now = seconds(now);
    validity(pem).is_some_and(|(from, to)| from <= now && now < to - (to - from) / 3)
}

/// Whether the key is the certificate's.
fn belong(issued: &Issued) -> bool {
    use rcgen::PublicKeyData;
    let Ok(key) = rcgen::KeyPair::from_pem(&issued.key) else {
        return false;
    };
    parsed(&issued.certificate, |certificate| {
        certificate.public_key().raw == key.subject_public_key_info()
    })
    .unwrap_or(false)
}

/// Whether the authority of this certificate has signed it.
fn signed(pem: &str, authority: &str) -> bool {
    let found = parsed(authority, |authority| {
        parsed(pem, |certificate| {
            let by = Some(authority.public_key());
            certificate.issuer() == authority.subject() && certificate.verify_signature(by).is_ok()
        })
    });
    found.flatten().unwrap_or(false)
}

/// Whether a certificate is of the subject's user, in their group and no other.
fn names(pem: &str, subject: &Subject) -> bool {
    let found = parsed(pem, |certificate| {
        let groups = certificate.subject().iter_organization();
        let groups: Vec<_> = groups.map(|group| group.as_str().ok()).collect();
        let mut users = certificate.subject().iter_common_name();
        let user = users.next().and_then(|user| user.as_str().ok());
        let wanted: Vec<_> = subject.group.iter().map(|it| Some(it.as_str())).collect();
        user == Some(&*subject.name) && users.next().is_none() && groups == wanted
    });
    found.unwrap_or(false)
}

fn covers(pem: &str, subject: &Subject) -> bool {
    use x509_parser::extensions::GeneralName;
    parsed(pem, |certificate| {
        let Ok(Some(names)) = certificate.subject_alternative_name() else {
            return subject.addresses.is_empty() && subject.dns_names.is_empty();
        };
        let names = &names.value.general_names;
        let has_address = |address: &IpAddr| {
            let wanted = match address {
                IpAddr::V4(a) => a.octets().to_vec(),
                IpAddr::V6(a) => a.octets().to_vec(),
            };
            names
                .iter()
                .any(|name| matches!(name, GeneralName::IPAddress(octets) if *octets == wanted))
        };
        let has_name = |wanted: &String| {
            names
                .iter()
                .any(|name| matches!(name, GeneralName::DNSName(name) if name == wanted))
        };
        subject.addresses.iter().all(has_address) && subject.dns_names.iter().all(has_name)
    })
    .unwrap_or(false)
}

fn file(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| file(path, source))
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let new = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let _ = fs::remove_file(&new);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name is as lasting as what is under it: values are encrypted with this key as soon as it is there.
        path.parent()
            .map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
    };
    write().map_err(|source| file(path, source))
}
