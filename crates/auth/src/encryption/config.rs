//! The configuration as it is written, with Kubernetes' errors for what is wrong in one.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use navarch_machinery::yaml;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;

use super::cipher::{Key, Kind};
use super::{Encryption, Provider, Rule, includes};

const API_VERSION: &str = "apiserver.config.k8s.io/v1";
const KIND: &str = "EncryptionConfiguration";

/// Why a configuration cannot be used, or a value not be read or written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncryptionError {
    /// The configuration is not YAML, or not one of these.
    #[error("encryption configuration: {0}")]
    Malformed(String),
    /// Something in it is wrong: where, and why. Secrets are not shown.
    #[error("encryption configuration: {0}: {1}")]
    Invalid(String, String),
    /// No provider has the key that a value was encrypted with.
    #[error("no matching prefix found")]
    NoProvider,
    /// It is encrypted, and the configuration says that it is not.
    #[error("identity transformer tried to read encrypted data")]
    Encrypted,
    /// A value or the place that it is kept at was changed.
    #[error("cipher: message authentication failed")]
    Unauthentic,
    /// The system has no random bytes.
    #[error("no random bytes")]
    Random,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Configuration {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    resources: Vec<Resources>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resources {
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    providers: Vec<Written>,
}

/// A provider as written: exactly one of its kinds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    identity: Option<Identity>,
    aesgcm: Option<Keys>,
    aescbc: Option<Keys>,
    secretbox: Option<Keys>,
    kms: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    keys: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: String,
}

pub(super) fn parse(text: &[u8]) -> Result<Encryption, EncryptionError> {
    let malformed = |error: &dyn std::fmt::Display| EncryptionError::Malformed(error.to_string());
    let json = yaml::to_json(text).map_err(|error| malformed(&error))?;
    let written: Configuration = serde_json::from_slice(&json).map_err(|error| {
        // Its words quote what they do not like, which may be a key.
        let words = error.to_string();
        let unknown = words.starts_with("unknown field").then_some(words);
        let reason = unknown.unwrap_or_else(|| "a field has a value of another type".to_owned());
        EncryptionError::Malformed(reason)
    })?;
    if (written.api_version.as_str(), written.kind.as_str()) != (API_VERSION, KIND) {
        let reason = format!("apiVersion {API_VERSION} and kind {KIND} are expected");
        return Err(EncryptionError::Malformed(reason));
    }
    if written.resources.is_empty() {
        return Err(required("resources", "at least one resource is required"));
    }
    let rules = written.resources.into_iter().enumerate().map(|(at, rule)| {
        let path = format!("resources[{at}]");
        names(&format!("{path}.resources"), &rule.resources)?;
        let providers = providers(&format!("{path}.providers"), rule.providers)?;
        Ok(Rule {
            resources: rule.resources,
            providers: providers.into_iter().map(Arc::new).collect(),
        })
    });
    Ok(Encryption {
        rules: rules.collect::<Result<_, _>>()?,
    })
}

/// Checks the names of a rule's resources.
fn names(path: &str, resources: &[String]) -> Result<(), EncryptionError> {
    if resources.is_empty() {
        return Err(required(path, "at least one resource is required"));
    }
    let mut seen = HashSet::new();
    let masked = |name: &String| {
        let (plural, group) = name.split_once('.').unwrap_or((name, ""));
        let mut others = resources.iter().filter(|other| *other != name);
        others.any(|other| other.starts_with('*') && includes(other, group, plural))
    };
    for (at, name) in resources.iter().enumerate() {
        let reason = match name.split_once('.') {
            _ if name.chars().any(char::is_uppercase) => {
                "resource name should not contain capital letters"
            }
            None if name == "*" => {
                "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
            }
            Some((plural, "*")) if plural != "*" => {
                "encrypting the same resource across groups is not supported"
            }
            Some((_, "events.k8s.io")) => {
                "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
            }
            Some((_, "extensions")) => {
                "'extensions' group has been removed and cannot be used for encryption"
            }
            _ if !seen.insert(name) => "the same resource cannot be specified multiple times",
            _ if masked(name) => {
                "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"
            }
            _ => continue,
        };
        return Err(invalid(
            &format!("{path}[{at}]"),
            &format!("{name:?}"),
            reason,
        ));
    }
    Ok(())
}

fn providers(path: &str, written: Vec<Written>) -> Result<Vec<Provider>, EncryptionError> {
    if written.is_empty() {
        return Err(required(path, "at least one provider is required"));
    }
    let one = |(at, written)| provider(&format!("{path}[{at}]"), written);
    written.into_iter().enumerate().map(one).collect()
}

fn provider(path: &str, written: Written) -> Result<Provider, EncryptionError> {
    if written.kms.is_some() {
        return Err(EncryptionError::Invalid(
            format!("{path}.kms"),
            "Unsupported value: the providers here are aesgcm, aescbc, secretbox and identity"
                .into(),
        ));
    }
    let kinds = [
        (Kind::AesGcm, written.aesgcm),
        (Kind::AesCbc, written.aescbc),
        (Kind::Secretbox, written.secretbox),
    ];
    let mut given = kinds
        .into_iter()
        .filter_map(|(kind, keys)| Some((kind, keys?)));
    match (written.identity, given.next(), given.next()) {
        (Some(Identity {}), None, None) => Ok(Provider::Identity),
        (None, Some((kind, written)), None) => {
            let path = format!("{path}.{}.keys", kind.name());
            keys(kind, &path, &written.keys).map(Provider::Keys)
        }
        (None, None, None) => Err(invalid(
            path,
            "{}",
            "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity",
        )),
        _ => Err(invalid(
            path,
            "{…}",
            "more than one provider specified in a single element, should split into different list elements",
        )),
    }
}

fn keys(kind: Kind, path: &str, keys: &[Named]) -> Result<Vec<Key>, EncryptionError> {
    if keys.is_empty() {
        return Err(required(path, "at least one keys is required"));
    }
    let one = |(at, named): (usize, &Named)| {
        let path = format!("{path}[{at}]");
        if named.name.is_empty() {
            let path = format!("{path}.name");
            return Err(required(&path, "name is a mandatory field for a key"));
        }
        let path = format!("{path}.secret");
        if named.secret.is_empty() {
            return Err(required(&path, "secret is a mandatory field for a key"));
        }
        let redacted = |reason: &str| invalid(&path, "\"REDACTED\"", reason);
        let secret = STANDARD.decode(&named.secret);
        let secret = secret.map_err(|_| redacted("secrets must be base64 encoded"))?;
        Key::new(kind, &named.name, &secret).ok_or_else(|| {
            let lengths: Vec<String> = kind.lengths().iter().map(usize::to_string).collect();
            redacted(&format!(
                "secret is not of the expected length, got {}, expected one of [{}]",
                secret.len(),
                lengths.join(" ")
            ))
        })
    };
    keys.iter().enumerate().map(one).collect()
}

fn required(path: &str, reason: &str) -> EncryptionError {
    EncryptionError::Invalid(path.to_owned(), format!("Required value: {reason}"))
}

fn invalid(path: &str, value: &str, reason: &str) -> EncryptionError {
    EncryptionError::Invalid(path.to_owned(), format!("Invalid value: {value}: {reason}"))
}

pub(super) fn generate() -> Result<String, EncryptionError> {
    // A name of its own: where the file is lost and made anew, it is told that a key is missing, not that a value was changed.
    let (mut name, mut secret) = ([0; 4], [0; 32]);
    for bytes in [&mut name[..], &mut secret[..]] {
        let filled = SystemRandom::new().fill(bytes);
        filled.map_err(|_| EncryptionError::Random)?;
    }
    let name = u32::from_be_bytes(name);
    let secret = STANDARD.encode(secret);
    Ok(format!(
        "# Keys that encrypt what is kept. Without this file what they have encrypted cannot be read: back it up apart from the store.
apiVersion: {API_VERSION}
kind: {KIND}
resources:
- resources: [secrets]
  providers:
  - aesgcm:
      keys:
      - name: key-{name:08x}
        secret: {secret}
  - identity: {{}}
"
    ))
}
