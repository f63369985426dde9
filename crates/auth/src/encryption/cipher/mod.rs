//! How a value is encrypted: a key of some kind, and what values begin with that it has encrypted.

mod aes_cbc;
mod aes_gcm;
mod secretbox;

use super::EncryptionError;

/// A kind of encryption, by Kubernetes' name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// AES in Galois/Counter mode. Authenticated, with where the value is kept.
    AesGcm,
    /// AES in cipher block chaining mode. Not authenticated.
    AesCbc,
    /// XSalsa20 and Poly1305, as NaCl has them. Authenticated, but for where the value is kept.
    Secretbox,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aesgcm",
            Self::AesCbc => "aescbc",
            Self::Secretbox => "secretbox",
        }
    }

    /// The lengths of its keys, in bytes. Kubernetes takes 24 for AES-GCM too.
    pub(super) fn lengths(self) -> &'static [usize] {
        match self {
            Self::AesGcm => &[16, 32],
            Self::AesCbc => &[16, 24, 32],
            Self::Secretbox => &[32],
        }
    }
}

/// One of them with its key.
trait Cipher: Send + Sync {
    /// Appends the value encrypted. `context`: where it is kept.
    fn seal(&self, context: &str, value: &[u8], kept: &mut Vec<u8>) -> Result<(), EncryptionError>;

    /// The value of what was encrypted.
    fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, EncryptionError>;
}

/// A key and what values begin with that it has encrypted.
pub(super) struct Key {
    prefix: String,
    kind: Kind,
    cipher: Box<dyn Cipher>,
}

impl Key {
    /// `None`: it has another length than such keys have.
    pub(super) fn new(kind: Kind, name: &str, secret: &[u8]) -> Option<Self> {
        let cipher: Box<dyn Cipher> = match kind {
            Kind::AesGcm => Box::new(aes_gcm::AesGcm::new(secret)?),
            Kind::AesCbc => Box::new(aes_cbc::AesCbc::new(secret)?),
            Kind::Secretbox => Box::new(secretbox::Secretbox::new(secret)?),
        };
        Some(Self {
            prefix: format!("k8s:enc:{}:v1:{name}:", kind.name()),
            kind,
            cipher,
        })
    }

    /// What values begin with that it has encrypted.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What is behind the prefix, if the value was encrypted with this key.
    pub(super) fn sealed<'a>(&self, kept: &'a [u8]) -> Option<&'a [u8]> {
        kept.strip_prefix(self.prefix.as_bytes())
    }

    /// The value encrypted, with the prefix before it.
    pub(super) fn seal(&self, context: &str, value: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        /// What the longest nonce and tag or padding take.
        const MORE: usize = 48;
        let mut kept = Vec::with_capacity(self.prefix.len() + value.len() + MORE);
        kept.extend_from_slice(self.prefix.as_bytes());
        self.cipher.seal(context, value, &mut kept)?;
        Ok(kept)
    }

    /// Whether what was encrypted with another key, or changed, is never taken for a value.
    pub(super) fn proves(&self) -> bool {
        self.kind != Kind::AesCbc
    }

    /// The value of what is behind the prefix.
    pub(super) fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        self.cipher.open(context, sealed)
    }
}
