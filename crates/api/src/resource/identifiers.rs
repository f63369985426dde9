//! The names of devices, and of what they are made of and can do.

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_c_identifier, is_dns1123_subdomain};

use crate::pod::check::each;
use crate::pod::volume_sources::check_driver_name;

/// The longest name of a pool.
const MAX_POOL: usize = 253;
/// The longest identifier behind a domain, and the longest name with its domain.
const MAX_ID: usize = 32;
pub(super) const MAX_QUALIFIED: usize = 63 + 1 + MAX_ID;

/// The name of a pool: subdomains with slashes between them.
pub(super) fn check_pool(errors: &mut ErrorList, path: &Path, name: &str) {
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    if name.len() > MAX_POOL {
        errors.push(Error::too_long(path, MAX_POOL));
    }
    for part in name.split('/') {
        each(errors, path, part, is_dns1123_subdomain(part));
    }
}

/// A name, with or without the domain of who gave it.
pub(super) fn check_qualified(errors: &mut ErrorList, path: &Path, name: &str) {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [id] => check_id(errors, path, id),
        [domain, id] => {
            match *domain {
                "" => errors.push(Error::invalid(path, "", "the domain must not be empty")),
                domain => check_driver_name(errors, path, domain),
            }
            match *id {
                "" => errors.push(Error::invalid(path, "", "the name must not be empty")),
                id => check_id(errors, path, id),
            }
        }
        // Kubernetes lets pass what has more slashes.
        _ => {}
    }
}

/// A name with its domain.
pub(super) fn check_fully_qualified(errors: &mut ErrorList, path: &Path, name: &str) {
    check_qualified(errors, path, name);
    if !name.contains('/') {
        let detail = "a fully qualified name must be a domain and a name separated by a slash";
        errors.push(Error::invalid(path, name, detail));
    }
}

fn check_id(errors: &mut ErrorList, path: &Path, id: &str) {
    if id.len() > MAX_ID {
        errors.push(Error::too_long(path, MAX_ID));
    }
    each(errors, path, id, is_c_identifier(id));
}

/// A UUID in its usual form.
pub(super) fn check_uid(errors: &mut ErrorList, path: &Path, uid: &str) {
    let detail = match uuid_error(uid) {
        Some(error) => format!("error validating uid: {error}"),
        None if uid.len() != 36 || uid.to_lowercase() != uid => {
            "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters"
                .to_owned()
        }
        None => return,
    };
    errors.push(Error::invalid(path, uid, detail));
}

/// What is wrong with a UUID, which may have a prefix, brackets, or no dashes.
fn uuid_error(uid: &str) -> Option<String> {
    const WRONG: &str = "invalid UUID format";
    const PREFIX: &str = "urn:uuid:";
    let plain = match uid.len() {
        36 => uid,
        32 => {
            let digits = uid.bytes().all(|byte| byte.is_ascii_hexdigit());
            return (!digits).then(|| WRONG.to_owned());
        }
        38 => match uid.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(plain) => plain,
            None => return Some("invalid bracketed UUID format".to_owned()),
        },
        45 => match (uid.get(..PREFIX.len()), uid.get(PREFIX.len()..)) {
            (Some(prefix), Some(plain)) if prefix.eq_ignore_ascii_case(PREFIX) => plain,
            (prefix, _) => {
                let prefix = prefix.unwrap_or_default();
                return Some(format!("invalid urn prefix: {prefix:?}"));
            }
        },
        length => return Some(format!("invalid UUID length: {length}")),
    };
    let fits = plain.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (!fits).then(|| WRONG.to_owned())
}
