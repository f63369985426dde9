//! AES-CBC: a random first block of 16 bytes, and what is encrypted, filled up as PKCS #7 says. Nothing tells whether somebody has
//! changed it: Kubernetes has it for what was written long ago.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};
use ring::rand::{SecureRandom, SystemRandom};

use super::Cipher;
use crate::encryption::EncryptionError;

const BLOCK: usize = 16;

pub(super) struct AesCbc {
    key: Vec<u8>,
    random: SystemRandom,
}

impl AesCbc {
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        matches!(secret.len(), 16 | 24 | 32).then(|| Self {
            key: secret.to_owned(),
            random: SystemRandom::new(),
        })
    }
}

fn encrypted<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    first: &[u8],
    value: &[u8],
) -> Option<Vec<u8>> {
    let mode = C::new_from_slices(key, first).ok()?;
    Some(mode.encrypt_padded_vec::<Pkcs7>(value))
}

fn decrypted<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    first: &[u8],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let mode = C::new_from_slices(key, first).ok()?;
    mode.decrypt_padded_vec::<Pkcs7>(sealed).ok()
}

impl Cipher for AesCbc {
    fn seal(&self, _: &str, value: &[u8], kept: &mut Vec<u8>) -> Result<(), EncryptionError> {
        let mut first = [0; BLOCK];
        self.random
            .fill(&mut first)
            .map_err(|_| EncryptionError::Random)?;
        let sealed = match self.key.len() {
            16 => encrypted::<Encryptor<Aes128>>(&self.key, &first, value),
            24 => encrypted::<Encryptor<Aes192>>(&self.key, &first, value),
            _ => encrypted::<Encryptor<Aes256>>(&self.key, &first, value),
        };
        kept.extend_from_slice(&first);
        kept.extend(sealed.ok_or(EncryptionError::Unauthentic)?);
        Ok(())
    }

    fn open(&self, _: &str, sealed: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let (first, sealed) = sealed
            .split_first_chunk::<BLOCK>()
            .ok_or(EncryptionError::Unauthentic)?;
        let value = match self.key.len() {
            16 => decrypted::<Decryptor<Aes128>>(&self.key, first, sealed),
            24 => decrypted::<Decryptor<Aes192>>(&self.key, first, sealed),
            _ => decrypted::<Decryptor<Aes256>>(&self.key, first, sealed),
        };
        value.ok_or(EncryptionError::Unauthentic)
    }
}
