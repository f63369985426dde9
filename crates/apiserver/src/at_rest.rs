//! Encryption of what the store keeps on disk: an [`Encryption`] behind the store's port.

use std::collections::HashMap;
use std::sync::Arc;

use navarch_auth::encryption::{Encryption, Providers};
use navarch_store::{AtRest, Opened};
use parking_lot::RwLock;

/// Encrypts the buckets of those resources that a configuration names.
pub struct EncryptedAtRest {
    encryption: Encryption,
    /// Of the buckets that were asked for: as many as there are resources.
    buckets: RwLock<HashMap<Box<str>, Arc<Providers>>>,
}

impl EncryptedAtRest {
    /// As a configuration says.
    pub fn new(encryption: Encryption) -> Self {
        Self {
            encryption,
            buckets: RwLock::default(),
        }
    }

    /// The providers of the resource whose objects are kept under the key.
    fn providers(&self, key: &str) -> Arc<Providers> {
        let bucket = key.split_once('/').map_or(key, |(bucket, _)| bucket);
        if let Some(known) = self.buckets.read().get(bucket) {
            return known.clone();
        }
        let (plural, group) = bucket.split_once('.').unwrap_or((bucket, ""));
        let found = self.encryption.providers(group, plural);
        self.buckets.write().insert(bucket.into(), found.clone());
        found
    }
}

impl AtRest for EncryptedAtRest {
    fn seal(&self, key: &str, value: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let sealed = self.providers(key).encrypt(key, value);
        sealed.map_err(|error| error.to_string())
    }

    fn description(&self) -> String {
        self.encryption.to_string()
    }

    fn open(&self, key: &str, written: &[u8]) -> Result<Opened, String> {
        let opened = self.providers(key).decrypt(key, written);
        let opened = opened.map_err(|error| error.to_string())?;
        Ok(Opened {
            value: opened.value,
            stale: opened.stale,
        })
    }
}
