//! ConfigMaps: keys, size, and those that never change.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_config_map_key;
use serde_json::Value;

use crate::cell;
use crate::check::found;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

/// The bytes that all values of a config map or secret may have together.
pub const MAX_SIZE: usize = 1024 * 1024;
/// Why an immutable one is not changed.
pub(super) const IMMUTABLE: &str = "field is immutable when `immutable` is set";

impl Hooks for ConfigMap {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Data",
            "string",
            "",
            0,
            "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with \
            non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the \
            BinaryData field, this is enforced during validation process.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.data);
        drop_empty(&mut self.binary_data);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let (data, binary) = (Path::new("data"), Path::new("binaryData"));
        let mut errors = ErrorList::new();
        let mut size = 0;
        for (key, value) in self.data.iter().flatten() {
            errors.extend(found(key, is_config_map_key(key), &data.key(key)));
            if self
                .binary_data
                .as_ref()
                .is_some_and(|binary| binary.contains_key(key))
            {
                let detail = "duplicate of key present in binaryData";
                errors.push(Error::invalid(&data.key(key), key.as_str(), detail));
            }
            size += value.len();
        }
        for (key, value) in self.binary_data.iter().flatten() {
            errors.extend(found(key, is_config_map_key(key), &binary.key(key)));
            size += value.0.len();
        }
        if size > MAX_SIZE {
            errors.push(Error::too_long(&Path::new(""), MAX_SIZE));
        }
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = ErrorList::new();
        if old.immutable != Some(true) {
            return errors;
        }
        if self.immutable != Some(true) {
            errors.push(Error::forbidden(&Path::new("immutable"), IMMUTABLE));
        }
        if self.data != old.data {
            errors.push(Error::forbidden(&Path::new("data"), IMMUTABLE));
        }
        if self.binary_data != old.binary_data {
            errors.push(Error::forbidden(&Path::new("binaryData"), IMMUTABLE));
        }
        errors
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        let mut errors = self.validate_update(part, old);
        errors.extend(self.validate());
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let keys = self.data.iter().flatten().count() + self.binary_data.iter().flatten().count();
        vec![
            cell::name(&self.metadata),
            keys.into(),
            cell::age(&self.metadata, now),
        ]
    }
}
