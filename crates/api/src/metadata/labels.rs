//! Labels and annotations.

use std::collections::BTreeMap;

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::limits::MAX_ANNOTATIONS;
use navarch_machinery::names::{is_label_value, is_qualified_name};

use crate::check::found;

/// Checks labels; `path` is the map's, and the errors are told at it.
pub fn validate_labels(labels: Option<&BTreeMap<String, String>>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (key, value) in labels.into_iter().flatten() {
        errors.extend(found(key, is_qualified_name(key), path));
        errors.extend(found(value, is_label_value(value), path));
    }
    errors
}

/// Checks annotations and their size together.
pub fn validate_annotations(
    annotations: Option<&BTreeMap<String, String>>,
    path: &Path,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        // Upper case is fine here, also in the domain.
        errors.extend(found(key, is_qualified_name(&key.to_lowercase()), path));
        size += key.len() + value.len();
    }
    if size > MAX_ANNOTATIONS {
        errors.push(Error::too_long(path, MAX_ANNOTATIONS));
    }
    errors
}
