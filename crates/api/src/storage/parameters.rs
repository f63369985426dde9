//! What a class hands on to whoever makes or changes volumes for it.

use std::collections::BTreeMap;

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;

use crate::check::found;

/// The most parameters.
const MAX_PARAMETERS: usize = 512;
/// The most bytes of all parameters together.
const MAX_SIZE: usize = 256 * 1024;

/// Checks parameters.
pub(super) fn check(parameters: Option<&BTreeMap<String, String>>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(parameters) = parameters else {
        return errors;
    };
    if parameters.len() > MAX_PARAMETERS {
        return vec![Error::too_long(path, MAX_PARAMETERS)];
    }
    if parameters.contains_key("") {
        errors.push(Error::invalid(path, "", "field can not be empty."));
    }
    let size = |(key, value): (&String, &String)| key.len() + value.len();
    if parameters.iter().map(size).sum::<usize>() > MAX_SIZE {
        errors.push(Error::too_long(path, MAX_SIZE));
    }
    errors
}

/// Checks the name of a provisioner or driver: a qualified name, whose letters may be large.
pub(super) fn check_provisioner(name: &str, path: &Path) -> ErrorList {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let name = name.to_lowercase();
    found(&name, is_qualified_name(&name), path)
}
