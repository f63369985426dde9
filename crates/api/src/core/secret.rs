//! Secrets: what each type must hold, size, and those that never change.

mod key_pair;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_config_map_key;
use serde_json::Value;

use super::config_map::{IMMUTABLE, MAX_SIZE};
use super::json_text;
use crate::cell;
use crate::check::{found, immutable};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

const OPAQUE: &str = "Opaque";
const TLS: &str = "kubernetes.io/tls";
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

impl Hooks for Secret {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Type",
            "string",
            "",
            0,
            "Used to facilitate programmatic handling of secret data. More info: \
            https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
        ),
        Column::of(
            "Data",
            "string",
            "",
            0,
            "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of \
            the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described \
            in https://tools.ietf.org/html/rfc4648#section-4",
        ),
        cell::AGE,
    ];
    const FIELDS: &'static [&'static str] = &["type"];

    fn apply_defaults(&mut self) {
        // What is given as text is kept as data like the rest.
        for (key, value) in self.string_data.take().into_iter().flatten() {
            self.data
                .get_or_insert_default()
                .insert(key, ByteString(value.into_bytes()));
        }
        drop_empty(&mut self.data);
        if kind(self).is_empty() {
            self.type_ = Some(OPAQUE.to_owned());
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let path = Path::new("data");
        let mut errors = ErrorList::new();
        for key in self.data.iter().flat_map(BTreeMap::keys) {
            errors.extend(found(key, is_config_map_key(key), &path.key(key)));
        }
        let size: usize = self
            .data
            .iter()
            .flat_map(BTreeMap::values)
            .map(|value| value.0.len())
            .sum();
        if size > MAX_SIZE {
            errors.push(Error::too_long(&path, MAX_SIZE));
        }
        errors.extend(validate_type(self, &path));
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = immutable(kind(self), kind(old), &Path::new("type"));
        if old.immutable != Some(true) {
            return errors;
        }
        if self.immutable != Some(true) {
            errors.push(Error::forbidden(&Path::new("immutable"), IMMUTABLE));
        }
        if self.data != old.data {
            errors.push(Error::forbidden(&Path::new("data"), IMMUTABLE));
        }
        errors
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        let mut errors = self.validate_update(part, old);
        errors.extend(self.validate());
        errors
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        if kind(self) != TLS {
            return Vec::new();
        }
        let part = |key| value(self, key).map_or(&[][..], |value| &value.0);
        let misfit = key_pair::misfit(part("tls.crt"), part("tls.key"));
        misfit.into_iter().collect()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let keys = self.data.iter().flatten().count();
        vec![
            cell::name(&self.metadata),
            kind(self).into(),
            keys.into(),
            cell::age(&self.metadata, now),
        ]
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == "type").then(|| kind(self).to_owned())
    }
}

fn kind(secret: &Secret) -> &str {
    secret.type_.as_deref().unwrap_or_default()
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a ByteString> {
    secret.data.as_ref()?.get(key)
}

/// What the type asks for.
fn validate_type(secret: &Secret, path: &Path) -> ErrorList {
    let missing = |keys: &[&str]| {
        keys.iter()
            .map(|key| Error::required(&path.key(key), ""))
            .collect()
    };
    let has = |key| value(secret, key).is_some();
    match kind(secret) {
        "kubernetes.io/service-account-token" => {
            let annotation = secret
                .metadata
                .annotations
                .as_ref()
                .and_then(|a| a.get(ACCOUNT_NAME));
            match annotation.filter(|name| !name.is_empty()) {
                Some(_) => ErrorList::new(),
                None => {
                    let path = Path::new("metadata").child("annotations").key(ACCOUNT_NAME);
                    vec![Error::required(&path, "")]
                }
            }
        }
        "kubernetes.io/dockercfg" => validate_json(secret, ".dockercfg", path),
        "kubernetes.io/dockerconfigjson" => validate_json(secret, ".dockerconfigjson", path),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            missing(&["username", "password"])
        }
        "kubernetes.io/ssh-auth"
            if value(secret, "ssh-privatekey").is_none_or(|key| key.0.is_empty()) =>
        {
            missing(&["ssh-privatekey"])
        }
        TLS => {
            let absent: Vec<&str> = ["tls.crt", "tls.key"]
                .into_iter()
                .filter(|key| !has(key))
                .collect();
            missing(&absent)
        }
        _ => ErrorList::new(),
    }
}

/// A JSON object must be there. What is wrong with it is told without telling what it is.
fn validate_json(secret: &Secret, key: &str, path: &Path) -> ErrorList {
    let path = path.key(key);
    let Some(text) = value(secret, key) else {
        return vec![Error::required(&path, "")];
    };
    match json_text::object_error(&text.0) {
        None => ErrorList::new(),
        Some(error) => vec![Error::invalid(&path, "<secret contents redacted>", error)],
    }
}
