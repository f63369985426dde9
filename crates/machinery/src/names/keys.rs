//! Keys and values of labels, environment variables, config maps and headers.

use super::dns::subdomain_pattern;
use super::{Findings, empty_error, is_dns1123_subdomain, max_len_error, regex_error};
use crate::field::{Error, ErrorList, Path};
use crate::limits::{MAX_LABEL_NAME, MAX_LABEL_VALUE, MAX_SUBDOMAIN_NAME};

const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

fn matches_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().copied().all(word)
}

/// A letter, digit, `-`, `_` or `.`.
fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Kubernetes counts bytes everywhere, and says so of labels.
fn too_many_bytes(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

/// The key of a label: `name` or `example.com/name`.
pub fn is_qualified_name(text: &str) -> Findings {
    let mut found = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((prefix, name)) if !name.contains('/') => {
            if prefix.is_empty() {
                found.push(format!("prefix part {}", empty_error()));
            } else {
                if prefix.len() > MAX_SUBDOMAIN_NAME {
                    found.push(format!(
                        "prefix part {}",
                        too_many_bytes(MAX_SUBDOMAIN_NAME)
                    ));
                }
                let words = subdomain_pattern(prefix);
                found.extend(words.map(|words| format!("prefix part {words}")));
            }
            name
        }
        Some(_) => {
            let message = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character";
            let words = regex_error(message, QUALIFIED, &["MyName", "my.name", "123-abc"]);
            return vec![format!(
                "{words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        found.push(format!("name part {}", empty_error()));
    } else if name.len() > MAX_LABEL_NAME {
        found.push(format!("name part {}", too_many_bytes(MAX_LABEL_NAME)));
    }
    if !matches_qualified(name) {
        let message = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                       character";
        found.push(regex_error(
            message,
            QUALIFIED,
            &["MyName", "my.name", "123-abc"],
        ));
    }
    found
}

/// The value of a label.
pub fn is_label_value(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_LABEL_VALUE {
        found.push(too_many_bytes(MAX_LABEL_VALUE));
    }
    if !text.is_empty() && !matches_qualified(text) {
        let message = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and \
                       end with an alphanumeric character";
        found.push(regex_error(
            message,
            LABEL_VALUE,
            &["MyValue", "my_value", "12345"],
        ));
    }
    found
}

/// A name as C has them.
pub fn is_c_identifier(text: &str) -> Findings {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_';
    if text.starts_with(start) && text.chars().all(|c| start(c) || c.is_ascii_digit()) {
        return Vec::new();
    }
    let message = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
    vec![regex_error(
        message,
        "[A-Za-z_][A-Za-z0-9_]*",
        &["my_name", "MY_NAME", "MyName"],
    )]
}

/// The name of an environment variable, as it was before any printable name was allowed.
pub fn is_env_var_name(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.bytes().all(word)
    {
        let message = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not \
                       start with a digit";
        found.push(regex_error(
            message,
            "[-._a-zA-Z][-._a-zA-Z0-9]*",
            &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
        ));
    }
    found.extend(change_directory(text));
    found
}

/// The name of an environment variable: printable ASCII but `=`.
pub fn is_relaxed_env_var_name(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.is_empty() {
        found.push(format!("environment variable name {}", empty_error()));
    }
    if !text
        .bytes()
        .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
    {
        found.push("a valid environment variable name must consist only of printable ASCII characters other than '='".into());
    }
    found
}

/// The key of a config map or secret.
pub fn is_config_map_key(text: &str) -> Findings {
    let mut found = Vec::new();
    if text.len() > MAX_SUBDOMAIN_NAME {
        found.push(max_len_error(MAX_SUBDOMAIN_NAME));
    }
    if text.is_empty() || !text.bytes().all(word) {
        let message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        found.push(regex_error(
            message,
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    found.extend(change_directory(text));
    found
}

/// Keys become file names: none may lead out of their directory.
fn change_directory(text: &str) -> Option<String> {
    match text {
        "." => Some("must not be '.'".into()),
        ".." => Some("must not be '..'".into()),
        _ => text
            .starts_with("..")
            .then(|| "must not start with '..'".into()),
    }
}

/// The name of an HTTP header.
pub fn is_http_header_name(text: &str) -> Findings {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Vec::new();
    }
    let message = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![regex_error(message, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}

/// `acme.io/foo`: the name of a signer or a controller.
pub fn is_domain_prefixed_path(path: &Path, text: &str) -> ErrorList {
    if text.is_empty() {
        return vec![Error::required(path, "")];
    }
    let (host, rest) = match text.split_once('/') {
        Some((host, rest)) if !host.is_empty() && !rest.is_empty() => (host, rest),
        _ => {
            return vec![Error::invalid(
                path,
                text,
                "must be a domain-prefixed path (such as \"acme.io/foo\")",
            )];
        }
    };
    let mut found: ErrorList = is_dns1123_subdomain(host)
        .into_iter()
        .map(|words| Error::invalid(path, host, words))
        .collect();
    if !rest
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b))
    {
        let words = regex_error("Invalid path", r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", &[]);
        found.push(Error::invalid(path, rest, words));
    }
    found
}
