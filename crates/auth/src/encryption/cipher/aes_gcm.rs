//! AES-GCM: a random nonce of 12 bytes, what is encrypted, and a tag of 16. Where the value is kept is authenticated with it.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::Cipher;
use crate::encryption::EncryptionError;

pub(super) struct AesGcm {
    key: LessSafeKey,
    random: SystemRandom,
}

impl AesGcm {
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        let algorithm = match secret.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(algorithm, secret).ok()?),
            random: SystemRandom::new(),
        })
    }
}

impl Cipher for AesGcm {
    fn seal(&self, context: &str, value: &[u8], kept: &mut Vec<u8>) -> Result<(), EncryptionError> {
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| EncryptionError::Random)?;
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
        Ok(())
    }

    fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, EncryptionError> {
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
