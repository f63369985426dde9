//! AES-GCM: a random nonce of 12 bytes, what is encrypted, and a tag of 16. Where the value is kept is authenticated with it.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::EncryptionError;

/// A key and what values begin with that it has encrypted.
pub(super) struct Key {
    prefix: String,
    key: LessSafeKey,
    random: SystemRandom,
}

impl Key {
    /// A key of 16 or 32 bytes; `None`: it has another length.
    pub(super) fn aes_gcm(name: &str, secret: &[u8]) -> Option<Self> {
        let algorithm = match secret.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self {
            prefix: format!("k8s:enc:aesgcm:v1:{name}:"),
            key: LessSafeKey::new(UnboundKey::new(algorithm, secret).ok()?),
            random: SystemRandom::new(),
        })
    }

    /// What is behind the prefix, if the value was encrypted with this key.
    pub(super) fn sealed<'a>(&self, kept: &'a [u8]) -> Option<&'a [u8]> {
        kept.strip_prefix(self.prefix.as_bytes())
    }

    /// The value encrypted, with the prefix before it.
    pub(super) fn seal(&self, context: &str, value: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| EncryptionError::Random)?;
        let tag = self.key.algorithm().tag_len();
        let mut kept = Vec::with_capacity(self.prefix.len() + nonce.len() + value.len() + tag);
        kept.extend_from_slice(self.prefix.as_bytes());
        kept.extend_from_slice(&nonce);
        let start = kept.len();
        kept.extend_from_slice(value);
        let plain = kept.get_mut(start..).unwrap_or_default();
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                plain,
            )
            .map_err(|_| EncryptionError::Unauthentic)?;
        kept.extend_from_slice(tag.as_ref());
        Ok(kept)
    }

    /// The value of what is behind the prefix.
    pub(super) fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(EncryptionError::Unauthentic)?;
        let mut value = sealed.to_vec();
        let opened = self.key.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(context.as_bytes()),
            &mut value,
        );
        let length = opened.map_err(|_| EncryptionError::Unauthentic)?.len();
        value.truncate(length);
        Ok(value)
    }
}
