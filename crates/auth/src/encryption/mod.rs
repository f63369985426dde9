//! How values are encrypted where they are kept: Kubernetes' `EncryptionConfiguration`, with the same prefixes before what is encrypted.
//!
//! A rule names resources and providers. The first provider writes, all of them read, so that a key is rotated by putting a new one first.
//! Keys are read once, here; nothing of a key or a value is told in an error.

mod cipher;
mod config;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use cipher::Key;
pub use config::EncryptionError;

/// What every value begins with that was encrypted, whoever did it.
const ENCRYPTED: &[u8] = b"k8s:enc:";

/// Which resources are encrypted, and with what.
pub struct Encryption {
    rules: Vec<Rule>,
}

struct Rule {
    /// As written: `secrets`, `deployments.apps`, `*.`, `*.apps`, `*.*`.
    resources: Vec<String>,
    providers: Vec<Arc<Provider>>,
}

/// The providers of some resources, the one that writes first.
pub struct Providers(Vec<Arc<Provider>>);

enum Provider {
    /// Values are kept as they are.
    Identity,
    /// The first key writes.
    Keys(Vec<Key>),
}

/// A value that was read back.
#[derive(Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// The value; `None`: it is what was kept.
    pub value: Option<Vec<u8>>,
    /// Whether it would be written in another way today.
    pub stale: bool,
}

impl Provider {
    fn keys(&self) -> &[Key] {
        match self {
            Self::Identity => &[],
            Self::Keys(keys) => keys,
        }
    }
}

impl Encryption {
    /// Reads the text of an `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`, YAML or JSON.
    pub fn parse(text: &[u8]) -> Result<Self, EncryptionError> {
        config::parse(text)
    }

    /// The text of a configuration that encrypts secrets with a key that was just made, and reads those that are not encrypted yet.
    pub fn generate() -> Result<String, EncryptionError> {
        config::generate()
    }

    /// The providers of a resource: those of the first rule that names it, and then of those that name it in the same words; without one
    /// it is kept as it is. The group of the core resources is empty.
    pub fn providers(&self, group: &str, resource: &str) -> Arc<Providers> {
        let mut patterns = self.rules.iter().flat_map(|rule| &rule.resources);
        let Some(first) = patterns.find(|pattern| includes(pattern, group, resource)) else {
            return Arc::new(Providers(vec![Arc::new(Provider::Identity)]));
        };
        let rules = self.rules.iter();
        let rules = rules.filter(|rule| rule.resources.contains(first));
        let providers = rules.flat_map(|rule| rule.providers.iter().cloned());
        Arc::new(Providers(providers.collect()))
    }
}

/// Which resources are written how: it is another text where any is written in another way. It tells names of keys, and no key.
impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            let writer = match rule.providers.first().map(|first| &**first) {
                Some(Provider::Keys(keys)) => keys.first().map_or("", Key::prefix),
                _ => "",
            };
            writeln!(f, "{} {writer}", rule.resources.join(","))?;
        }
        Ok(())
    }
}

fn is_json(value: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(value).is_ok()
}

/// Whether a resource is one of those that a rule names so.
fn includes(pattern: &str, group: &str, resource: &str) -> bool {
    let (plural, of) = pattern.split_once('.').unwrap_or((pattern, ""));
    (plural == "*" || plural == resource) && (of == "*" || of == group)
}

impl Providers {
    /// What is kept of a value; `None`: the value itself. `context`: where it is kept, so that it can be read back only from there.
    pub fn encrypt(&self, context: &str, value: &[u8]) -> Result<Option<Vec<u8>>, EncryptionError> {
        let Some(Provider::Keys(keys)) = self.0.first().map(|first| &**first) else {
            return Ok(None);
        };
        let key = keys.first().ok_or(EncryptionError::NoProvider)?;
        key.seal(context, value).map(Some)
    }

    /// Reads back what was kept.
    pub fn decrypt(&self, context: &str, kept: &[u8]) -> Result<Decrypted, EncryptionError> {
        let encrypted = kept.starts_with(ENCRYPTED);
        let of_name = self.0.iter().flat_map(|provider| provider.keys());
        let alone = of_name.filter(|key| key.sealed(kept).is_some()).count() == 1;
        let mut failed = None;
        for (at, provider) in self.0.iter().enumerate() {
            match &**provider {
                Provider::Identity if !encrypted => {
                    return Ok(Decrypted {
                        value: None,
                        stale: at > 0,
                    });
                }
                Provider::Identity => {}
                Provider::Keys(keys) => {
                    for (number, key) in keys.iter().enumerate() {
                        // Two keys may have one name, or the beginning of another's.
                        match key.sealed(kept).map(|sealed| key.open(context, sealed)) {
                            // One value in 256 that another key has written comes out as something where nothing proves it: of several
                            // keys it is the one that gives JSON, as all values are.
                            Some(Ok(value)) if !(alone || key.proves() || is_json(&value)) => {
                                failed = Some(EncryptionError::Unauthentic);
                            }
                            Some(Ok(value)) => {
                                return Ok(Decrypted {
                                    value: Some(value),
                                    stale: at + number > 0,
                                });
                            }
                            Some(Err(error)) => failed = Some(error),
                            None => {}
                        }
                    }
                }
            }
        }
        let is_identity = |provider: &Arc<Provider>| matches!(**provider, Provider::Identity);
        let identity = self.0.iter().all(is_identity);
        Err(match failed {
            Some(error) => error,
            None if encrypted && identity => EncryptionError::Encrypted,
            None => EncryptionError::NoProvider,
        })
    }
}
