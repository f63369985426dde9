//! DNS labels and subdomains.

use super::{Findings, max_len_error, regex_error};
use crate::field::{Error, ErrorList, Path};
use crate::limits::{MAX_LABEL_NAME, MAX_SUBDOMAIN_NAME};

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const SUBDOMAIN_WITH_UNDERSCORE: &str =
    r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const DNS1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn matches_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(first) && alphanumeric(last) && bytes.iter().all(|&b| alphanumeric(b) || b == b'-')
}

fn matches_label_with_underscore(text: &str) -> bool {
    let bytes = text.strip_prefix('_').unwrap_or(text).as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(first)
        && alphanumeric(last)
        && bytes
            .iter()
            .all(|&b| alphanumeric(b) || b == b'-' || b == b'_')
}

pub(super) fn matches_subdomain(text: &str) -> bool {
    text.split('.').all(matches_label)
}

/// RFC 1123: the name of a namespace or a container.
pub fn is_dns1123_label(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_LABEL_NAME {
        found.push(max_len_error(MAX_LABEL_NAME));
    }
    if !matches_label(text) {
        if matches_subdomain(text) {
            found.push("must not contain dots".into());
        } else {
            let message = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
                           with an alphanumeric character";
            found.push(regex_error(message, LABEL, &["my-name", "123-abc"]));
        }
    }
    found
}

/// RFC 1123: the name of most objects.
pub fn is_dns1123_subdomain(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_SUBDOMAIN_NAME {
        found.push(max_len_error(MAX_SUBDOMAIN_NAME));
    }
    found.extend(subdomain_pattern(text));
    found
}

/// What is wrong with the letters of a subdomain.
pub(super) fn subdomain_pattern(text: &str) -> Option<String> {
    let message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
                   end with an alphanumeric character";
    (!matches_subdomain(text)).then(|| regex_error(message, SUBDOMAIN, &["example.com"]))
}

/// The same, where labels may have underscores: search domains.
pub fn is_dns1123_subdomain_with_underscore(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_SUBDOMAIN_NAME {
        found.push(max_len_error(MAX_SUBDOMAIN_NAME));
    }
    if !text.split('.').all(matches_label_with_underscore) {
        let message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start \
                       and end with an alphanumeric character";
        found.push(regex_error(
            message,
            SUBDOMAIN_WITH_UNDERSCORE,
            &["example.com"],
        ));
    }
    found
}

/// RFC 1035: the name of a service.
pub fn is_dns1035_label(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_LABEL_NAME {
        found.push(max_len_error(MAX_LABEL_NAME));
    }
    if !matches_label(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        let message = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and \
                       end with an alphanumeric character";
        found.push(regex_error(message, DNS1035, &["my-name", "abc-123"]));
    }
    found
}

/// `*.example.com`.
pub fn is_wildcard_dns1123_subdomain(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_SUBDOMAIN_NAME {
        found.push(max_len_error(MAX_SUBDOMAIN_NAME));
    }
    if !text.strip_prefix("*.").is_some_and(matches_subdomain) {
        let message = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower \
                       case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        found.push(regex_error(
            message,
            &format!(r"\*\.{SUBDOMAIN}"),
            &["*.example.com"],
        ));
    }
    found
}

/// A domain of three or more labels: `gateway.networking.example.com`.
pub fn is_fully_qualified_name(path: &Path, name: &str) -> ErrorList {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let found = is_dns1123_subdomain(name);
    if !found.is_empty() {
        return vec![Error::invalid(path, name, found.join(","))];
    }
    if name.split('.').count() < 3 {
        return vec![Error::invalid(
            path,
            name,
            "should be a domain with at least three segments separated by dots",
        )];
    }
    Vec::new()
}

/// A domain of two or more labels, with or without a dot at its end.
pub fn is_fully_qualified_domain_name(path: &Path, name: &str) -> ErrorList {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let found = is_dns1123_subdomain(name);
    if !found.is_empty() {
        return vec![Error::invalid(path, name, found.join(","))];
    }
    if name.split('.').count() < 2 {
        return vec![Error::invalid(
            path,
            name,
            "should be a domain with at least two segments separated by dots",
        )];
    }
    for label in name.split('.') {
        let found = is_dns1123_label(label);
        if !found.is_empty() {
            return vec![Error::invalid(path, label, found.join(","))];
        }
    }
    Vec::new()
}
