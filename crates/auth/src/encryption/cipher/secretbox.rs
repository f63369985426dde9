//! NaCl's secretbox: a random nonce of 24 bytes, a tag of 16, and what is encrypted.

use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use ring::rand::{SecureRandom, SystemRandom};

use super::Cipher;
use crate::encryption::EncryptionError;

const NONCE: usize = 24;

pub(super) struct Secretbox {
    key: XSalsa20Poly1305,
    random: SystemRandom,
}

impl Secretbox {
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        Some(Self {
            key: XSalsa20Poly1305::new_from_slice(secret).ok()?,
            random: SystemRandom::new(),
        })
    }
}

impl Cipher for Secretbox {
    fn seal(&self, _: &str, value: &[u8], kept: &mut Vec<u8>) -> Result<(), EncryptionError> {
        let mut nonce = [0; NONCE];
        self.random
            .fill(&mut nonce)
            .map_err(|_| EncryptionError::Random)?;
        let sealed = self.key.encrypt(Nonce::from_slice(&nonce), value);
        kept.extend_from_slice(&nonce);
        kept.extend(sealed.map_err(|_| EncryptionError::Unauthentic)?);
        Ok(())
    }

    fn open(&self, _: &str, sealed: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE>()
            .ok_or(EncryptionError::Unauthentic)?;
        let value = self.key.decrypt(Nonce::from_slice(nonce), sealed);
        value.map_err(|_| EncryptionError::Unauthentic)
    }
}
