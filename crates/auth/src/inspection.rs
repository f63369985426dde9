//! What lies in a directory of certificates, and how long each still holds.

use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use sha2::{Digest, Sha256};
use x509_parser::prelude::X509Certificate;

use crate::{Error, Result};

/// What ends within this time, or within a twelfth of its life, should have been renewed: a node renews its own when between a tenth
/// and three tenths are left.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest file that is read.
const FILE_BYTES: u64 = 1 << 20;

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file, without what comes behind the last dot.
    pub name: String,
    /// Whom it names: `O=system:nodes, CN=system:node:n`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
    /// How many seconds it holds in all.
    pub life: i64,
}

/// How long a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It will be renewed in time.
    Good,
    /// It should have been renewed.
    Soon,
    /// It holds no longer.
    Over,
}

impl Found {
    /// How it stands at a time, in seconds since 1970.
    pub fn standing(&self, now: i64) -> Standing {
        let soon = i64::try_from(SOON.as_secs()).unwrap_or(i64::MAX);
        match self.not_after - now {
            left if left <= 0 => Standing::Over,
            left if left < soon.min(self.life / 12) => Standing::Soon,
            _ => Standing::Good,
        }
    }
}

/// The certificates of a directory, by name: what its `.crt` and `.pem` files begin with.
pub fn inspect(directory: &Path) -> Result<Vec<Found>> {
    let failed = |source| Error::File {
        path: directory.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        let is_short = entry.metadata().is_ok_and(|it| it.len() <= FILE_BYTES);
        if !is_short || !matches!(kind, Some("crt" | "pem")) {
            continue;
        }
        let text = std::fs::read(&path).map_err(failed)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        found.extend(first(&text, |it| told(&name, it)));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Now, in seconds since 1970.
pub fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.map_or(0, |since| since.as_secs())).unwrap_or(i64::MAX)
}

/// By which an authority is known to those who do not have its certificate yet, as kubeadm writes it: `sha256:` and the digest of its
/// public key (`SubjectPublicKeyInfo`) in hexadecimal digits. `None`: it is no certificate.
pub fn pin(certificate: &str) -> Option<String> {
    first(certificate.as_bytes(), |it| pin_of_key(it.public_key().raw))
}

/// The same of a certificate in DER.
pub fn pin_of_der(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(pin_of_key(certificate.public_key().raw))
}

/// A certificate in DER as PEM.
pub fn pem(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body = lines.collect::<Vec<_>>().join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

fn pin_of_key(key: &[u8]) -> String {
    let digest = Sha256::digest(key);
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}

fn first<T>(text: &[u8], look: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(text).ok()?;
    pem.parse_x509().ok().map(|certificate| look(&certificate))
}

fn told(name: &str, certificate: &X509Certificate<'_>) -> Found {
    let validity = certificate.validity();
    Found {
        name: name.to_owned(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_after: validity.not_after.timestamp(),
        life: validity.not_after.timestamp() - validity.not_before.timestamp(),
    }
}

#[cfg(test)]
mod tests;
