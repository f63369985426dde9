//! Ports, ids and percents.

use super::{Findings, inclusive_range_error, max_len_error, regex_error};

/// The length of a port's name.
const MAX_PORT_NAME: usize = 15;

/// The name of a port: an IANA service name.
pub fn is_port_name(name: &str) -> Findings {
    let mut found = Vec::new();
    if name.len() > MAX_PORT_NAME {
        found.push(max_len_error(MAX_PORT_NAME));
    }
    if name.is_empty()
        || !name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        found.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        found.push("must contain at least one letter (a-z)".into());
    }
    if name.contains("--") {
        found.push("must not contain consecutive hyphens".into());
    }
    if name.starts_with('-') || name.ends_with('-') {
        found.push("must not begin or end with a hyphen".into());
    }
    found
}

/// 1 to 65535.
pub fn is_port_number(port: i64) -> Findings {
    is_in_range(port, 1, 65535)
}

/// Within bounds, both included.
pub fn is_in_range(value: i64, low: i64, high: i64) -> Findings {
    if (low..=high).contains(&value) {
        Vec::new()
    } else {
        vec![inclusive_range_error(low, high)]
    }
}

/// A Unix user id as Kubernetes takes it.
pub fn is_valid_user_id(id: i64) -> Findings {
    is_in_range(id, 0, i64::from(i32::MAX))
}

/// A Unix group id as Kubernetes takes it.
pub fn is_valid_group_id(id: i64) -> Findings {
    is_in_range(id, 0, i64::from(i32::MAX))
}

/// `25%`.
pub fn is_valid_percent(text: &str) -> Findings {
    let digits = text.strip_suffix('%').unwrap_or("");
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let message = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![regex_error(message, "[0-9]+%", &["1%", "93%"])]
}
