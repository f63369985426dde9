//! Checks that many kinds share.

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{
    is_dns1123_label, is_dns1123_subdomain, is_port_name, is_port_number, is_qualified_name,
};
use serde::Serialize;

use crate::naming;
use crate::shown::json;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

const IMMUTABLE: &str = "field is immutable";

/// Not below zero.
pub fn non_negative(value: i64, path: &Path) -> ErrorList {
    if value >= 0 {
        Vec::new()
    } else {
        vec![Error::invalid(
            path,
            value,
            "must be greater than or equal to 0",
        )]
    }
}

/// The same as before.
pub fn immutable<T: PartialEq + Serialize + ?Sized>(new: &T, old: &T, path: &Path) -> ErrorList {
    if new == old {
        Vec::new()
    } else {
        vec![Error::invalid(path, json(new), IMMUTABLE)]
    }
}

/// An `Invalid` for each of the findings about a text.
pub fn found(text: &str, findings: Vec<String>, path: &Path) -> ErrorList {
    findings
        .into_iter()
        .map(|words| Error::invalid(path, text, words))
        .collect()
}

/// A DNS label.
pub fn dns_label(text: &str, path: &Path) -> ErrorList {
    found(text, is_dns1123_label(text), path)
}

/// A DNS subdomain.
pub fn dns_subdomain(text: &str, path: &Path) -> ErrorList {
    found(text, is_dns1123_subdomain(text), path)
}

/// There, and one segment of a path.
pub fn path_segment(text: &str, path: &Path) -> ErrorList {
    if text.is_empty() {
        return vec![Error::required(path, "")];
    }
    found(text, naming::path_segment(text, false), path)
}

/// A name with an optional domain before it.
pub fn qualified_name(text: &str, path: &Path) -> ErrorList {
    found(text, is_qualified_name(text), path)
}

/// A port's number.
pub fn port_number(port: i32, path: &Path) -> ErrorList {
    is_port_number(i64::from(port))
        .into_iter()
        .map(|words| Error::invalid(path, port, words))
        .collect()
}

/// A port's number or name.
pub fn port(port: &IntOrString, path: &Path) -> ErrorList {
    match port {
        IntOrString::Int(number) => port_number(*number, path),
        IntOrString::String(name) => found(name, is_port_name(name), path),
    }
}

/// One of a fixed set.
pub fn one_of(text: &str, supported: &[&str], path: &Path) -> ErrorList {
    if supported.contains(&text) {
        Vec::new()
    } else {
        vec![Error::not_supported(path, text, supported)]
    }
}

/// There, and one of a fixed set.
pub fn required_one_of(text: Option<&str>, supported: &[&str], path: &Path) -> ErrorList {
    match text {
        None | Some("") => vec![Error::required(path, "")],
        Some(text) => one_of(text, supported, path),
    }
}

/// The protocols that ports may have, in the order in which errors list them.
pub const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
