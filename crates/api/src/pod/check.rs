//! Checks that many fields share. Each adds what it finds to a list.

use navarch_machinery::field::{Error, ErrorList, Path, Shown};
use navarch_machinery::names;
use serde::Serialize;

/// Adds an `Invalid value` for each finding about a value.
pub(crate) fn each(
    errors: &mut ErrorList,
    path: &Path,
    value: impl Shown + Copy,
    findings: Vec<String>,
) {
    errors.extend(
        findings
            .into_iter()
            .map(|finding| Error::invalid(path, value, finding)),
    );
}

/// The value must be there.
pub(crate) fn required(errors: &mut ErrorList, path: &Path, value: &str) {
    if value.is_empty() {
        errors.push(Error::required(path, ""));
    }
}

/// The value must be one of a set. An empty value is one that is missing.
pub(crate) fn one_of(errors: &mut ErrorList, path: &Path, value: &str, supported: &[&str]) {
    match value {
        "" => errors.push(Error::required(path, "")),
        _ => supported_value(errors, path, value, supported),
    }
}

/// The value must be one of a set, in which the empty value may be.
pub(crate) fn supported_value(
    errors: &mut ErrorList,
    path: &Path,
    value: &str,
    supported: &[&str],
) {
    if !supported.contains(&value) {
        errors.push(Error::not_supported(path, value, supported));
    }
}

/// An RFC 1123 label.
pub(crate) fn label(errors: &mut ErrorList, path: &Path, value: &str) {
    each(errors, path, value, names::is_dns1123_label(value));
}

/// An RFC 1123 subdomain: the name of most objects.
pub(crate) fn subdomain(errors: &mut ErrorList, path: &Path, value: &str) {
    each(errors, path, value, names::is_dns1123_subdomain(value));
}

/// `name` or `example.com/name`: the key of a label.
pub(crate) fn qualified_name(errors: &mut ErrorList, path: &Path, value: &str) {
    each(errors, path, value, names::is_qualified_name(value));
}

/// An address: the notation may vary, but IPv4 has no leading zeros and is not dressed up as IPv6.
pub(crate) fn ip(errors: &mut ErrorList, path: &Path, value: &str) {
    let Some(_) = names::parse_ip_sloppy(value) else {
        errors.push(Error::invalid(
            path,
            value,
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ));
        return;
    };
    match value.parse::<std::net::IpAddr>() {
        Err(_) => errors.push(Error::invalid(path, value, "must not have leading 0s")),
        Ok(std::net::IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
            errors.push(Error::invalid(
                path,
                value,
                "must not be an IPv4-mapped IPv6 address",
            ));
        }
        Ok(_) => {}
    }
}

/// A number that is zero or more.
pub(crate) fn not_negative(errors: &mut ErrorList, path: &Path, value: i64) {
    if value < 0 {
        errors.push(Error::invalid(
            path,
            value,
            "must be greater than or equal to 0",
        ));
    }
}

/// The mode of a file: 0 to 0777.
pub(crate) fn file_mode(errors: &mut ErrorList, path: &Path, mode: Option<i32>) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.push(Error::invalid(
            path,
            mode,
            "must be a number between 0 and 0777 (octal), both inclusive",
        ));
    }
}

/// No element of the path is `..`.
pub(crate) fn no_backsteps(errors: &mut ErrorList, path: &Path, value: &str) {
    if has_backsteps(value) {
        errors.push(Error::invalid(path, value, "must not contain '..'"));
    }
}

/// Whether an element of the path is `..`.
pub(crate) fn has_backsteps(value: &str) -> bool {
    value.split('/').any(|element| element == "..")
}

/// A relative path that does not lead upwards.
pub(crate) fn descending_path(errors: &mut ErrorList, path: &Path, value: &str) {
    if value.starts_with('/') {
        errors.push(Error::invalid(path, value, "must be a relative path"));
    }
    no_backsteps(errors, path, value);
}

/// A relative path that does not lead upwards, nor begins as the names that volumes keep for themselves.
pub(crate) fn local_path(errors: &mut ErrorList, path: &Path, value: &str) {
    descending_path(errors, path, value);
    if value.starts_with("..") && !value.starts_with("../") {
        errors.push(Error::invalid(path, value, "must not start with '..'"));
    }
}

/// A value that an error shows as JSON with its fields in a given order, as no map keeps them.
#[derive(Debug, Clone)]
pub(crate) struct Json(pub(crate) String);

impl Json {
    /// The JSON of a value; `null` for what cannot be told.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
    }

    /// An object.
    pub(crate) fn object(fields: &[(&str, Json)]) -> Self {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{}", value.0))
            .collect();
        Self(format!("{{{}}}", fields.join(",")))
    }

    /// An object, or `null`.
    pub(crate) fn object_or_null<T>(value: &Option<T>, show: impl Fn(&T) -> Json) -> Self {
        value.as_ref().map_or_else(|| Self("null".to_owned()), show)
    }

    /// A list; the empty one is `null`.
    pub(crate) fn list<T>(members: &[T], show: impl Fn(&T) -> Json) -> Self {
        if members.is_empty() {
            return Self("null".to_owned());
        }
        let members: Vec<String> = members.iter().map(|member| show(member).0).collect();
        Self(format!("[{}]", members.join(",")))
    }
}

impl Shown for Json {
    fn shown(&self) -> String {
        self.0.clone()
    }
}
