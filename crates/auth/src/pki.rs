//! The cluster's keys and certificates on disk: made on first start, read ever after.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Authority, Error, Issued, Purpose, Result, Subject, TokenKey};

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
            Authority::load(read(&certificate)?, read(&key)?)?
        } else {
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

    /// The key that signs service account tokens, made if it is not there yet.
    pub fn token_key(&self) -> Result<TokenKey> {
        TokenKey::load(&token_key(&self.directory.join("sa.key"))?, &self.issuer)
    }

    /// The certificate called `name`, made for `subject` if it is not there yet.
    pub fn client(&self, name: &str, subject: &Subject, now: SystemTime) -> Result<Issued> {
        self.kept(name, subject, Purpose::Client, now, |_| true)
    }

    /// The server certificate called `name`; made anew where the one that is there does not have all of the subject's addresses.
    pub fn server(&self, name: &str, subject: &Subject, now: SystemTime) -> Result<Issued> {
        self.kept(name, subject, Purpose::Server, now, |certificate| {
            covers(certificate, &subject.addresses)
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
        if key.exists() && certificate.exists() {
            let found = Issued {
                certificate: read(&certificate)?,
                key: read(&key)?,
            };
            if fits(&found.certificate) && fresh(&found.certificate, now) {
                return Ok(found);
            }
        }
        let made = self.authority.issue(subject, purpose, now)?;
        write(&certificate, &made.certificate, 0o644)?;
        write(&key, &made.key, 0o600)?;
        Ok(made)
    }
}

fn token_key(path: &Path) -> Result<Vec<u8>> {
    if !path.exists() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        write(path, &key.serialize_pem(), 0o600)?;
    }
    let pem = read(path)?;
    Ok(rcgen::KeyPair::from_pem(&pem)?.serialize_der())
}

fn parsed<T>(
    pem: &str,
    look: impl FnOnce(&x509_parser::certificate::X509Certificate<'_>) -> T,
) -> Option<T> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    pem.parse_x509().ok().map(|certificate| look(&certificate))
}

/// Whether a third of its life is still to come.
fn fresh(pem: &str, now: SystemTime) -> bool {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    parsed(pem, |certificate| {
        let (from, to) = (
            certificate.validity().not_before.timestamp(),
            certificate.validity().not_after.timestamp(),
        );
        now < to - (to - from) / 3
    })
    .unwrap_or(false)
}

fn covers(pem: &str, addresses: &[IpAddr]) -> bool {
    use x509_parser::extensions::GeneralName;
    parsed(pem, |certificate| {
        let Ok(Some(names)) = certificate.subject_alternative_name() else {
            return addresses.is_empty();
        };
        let has = |address: &IpAddr| {
            let wanted = match address {
                IpAddr::V4(a) => a.octets().to_vec(),
                IpAddr::V6(a) => a.octets().to_vec(),
            };
            names
                .value
                .general_names
                .iter()
                .any(|name| matches!(name, GeneralName::IPAddress(octets) if *octets == wanted))
        };
        addresses.iter().all(has)
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
        fs::rename(&new, path)
    };
    write().map_err(|source| file(path, source))
}
