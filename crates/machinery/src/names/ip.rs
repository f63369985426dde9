//! Addresses and networks.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::field::{Error, ErrorList, Path, quote};

/// Reads an address as Go did before 1.17: IPv4 octets may have leading zeros.
pub fn parse_ip_sloppy(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts
            .next()
            .filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))?;
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
    }
    parts
        .next()
        .is_none()
        .then(|| IpAddr::V4(Ipv4Addr::from(octets)))
}

/// Reads `ADDRESS/LENGTH` as leniently; the address is not masked.
pub fn parse_cidr_sloppy(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, length) = text.split_once('/')?;
    let ip = parse_ip_sloppy(ip)?;
    let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let length: u8 = length.parse().ok().filter(|_| digits)?;
    (length <= bits(ip)).then_some((ip, length))
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The network's own address.
pub fn masked(ip: IpAddr, length: u8) -> IpAddr {
    let host = u32::from(bits(ip).saturating_sub(length));
    match ip {
        IpAddr::V4(ip) => {
            Ipv4Addr::from(u32::from(ip) & u32::MAX.checked_shl(host).unwrap_or(0)).into()
        }
        IpAddr::V6(ip) => {
            Ipv6Addr::from(u128::from(ip) & u128::MAX.checked_shl(host).unwrap_or(0)).into()
        }
    }
}

fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some())
}

fn not_canonical(path: &Path, text: &str, canonical: &impl Display) -> ErrorList {
    let canonical = canonical.to_string();
    if text == canonical {
        return ErrorList::new();
    }
    vec![Error::invalid(
        path,
        text,
        format!("must be in canonical form ({})", quote(&canonical)),
    )]
}

/// A canonical address: what newer fields take.
pub fn is_valid_ip(path: &Path, text: &str) -> ErrorList {
    let found = is_valid_ip_for_legacy_field(path, text, true);
    match parse_ip_sloppy(text) {
        Some(ip) if found.is_empty() => not_canonical(path, text, &ip),
        _ => found,
    }
}

/// An address in any notation; if `strict`, in one that all readers understand alike.
pub fn is_valid_ip_for_legacy_field(path: &Path, text: &str, strict: bool) -> ErrorList {
    let Some(ip) = parse_ip_sloppy(text) else {
        return vec![Error::invalid(
            path,
            text,
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        )];
    };
    if strict && text.parse::<IpAddr>().is_err() {
        return vec![Error::invalid(path, text, "must not have leading 0s")];
    }
    if strict && is_mapped(ip) {
        return vec![Error::invalid(
            path,
            text,
            "must not be an IPv4-mapped IPv6 address",
        )];
    }
    ErrorList::new()
}

/// What to warn of in an address that a lenient field took.
pub fn warnings_for_ip(path: &Path, text: &str) -> Vec<String> {
    let Some(ip) = parse_ip_sloppy(text) else {
        return Vec::new();
    };
    let shown = quote(text);
    if text.parse::<IpAddr>().is_err() || is_mapped(ip) {
        return vec![format!(
            "{path}: non-standard IP address {shown} is invalid: use {}",
            quote(&unmapped(ip).to_string())
        )];
    }
    if ip.is_ipv6() && ip.to_string() != text {
        let canonical = quote(&ip.to_string());
        return vec![format!(
            "{path}: IPv6 address {shown} should be in RFC 5952 canonical format ({canonical})"
        )];
    }
    Vec::new()
}

/// Go shows a mapped address as the IPv4 address it is.
fn unmapped(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// A canonical network: what newer fields take.
pub fn is_valid_cidr(path: &Path, text: &str) -> ErrorList {
    let found = is_valid_cidr_for_legacy_field(path, text, true);
    match parse_cidr_sloppy(text) {
        Some((ip, length)) if found.is_empty() => {
            not_canonical(path, text, &format!("{}/{length}", masked(ip, length)))
        }
        _ => found,
    }
}

/// A network in any notation; if `strict`, in one that all readers understand alike.
pub fn is_valid_cidr_for_legacy_field(path: &Path, text: &str, strict: bool) -> ErrorList {
    let Some((ip, length)) = parse_cidr_sloppy(text) else {
        return vec![Error::invalid(
            path,
            text,
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        )];
    };
    let words = if !strict {
        return ErrorList::new();
    } else if !is_standard_cidr(text) {
        "must not have leading 0s in IP or prefix length"
    } else if is_mapped(ip) {
        "must not have an IPv4-mapped IPv6 address"
    } else if masked(ip, length) != ip {
        "must not have bits set beyond the prefix length"
    } else {
        return ErrorList::new();
    };
    vec![Error::invalid(path, text, words)]
}

fn is_standard_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(ip, length)| {
        ip.parse::<IpAddr>().is_ok() && (length == "0" || !length.starts_with('0'))
    })
}

/// What to warn of in a network that a lenient field took.
pub fn warnings_for_cidr(path: &Path, text: &str) -> Vec<String> {
    let Some((ip, length)) = parse_cidr_sloppy(text) else {
        return Vec::new();
    };
    let shown = quote(text);
    let network = format!("{}/{length}", masked(ip, length));
    let mut warnings = Vec::new();
    if masked(ip, length) != ip {
        let (network, single) = (quote(&network), quote(&format!("{ip}/{}", bits(ip))));
        warnings.push(format!("{path}: CIDR value {shown} is ambiguous in this context (should be {network} or {single}?)"));
    }
    if !is_standard_cidr(text) || is_mapped(ip) {
        warnings.push(format!(
            "{path}: non-standard CIDR value {shown} is invalid: use {}",
            quote(&network)
        ));
    }
    let canonical = format!("{ip}/{length}");
    if warnings.is_empty() && ip.is_ipv6() && canonical != text {
        let canonical = quote(&canonical);
        warnings.push(format!(
            "{path}: IPv6 CIDR value {shown} should be in RFC 5952 canonical format ({canonical})"
        ));
    }
    warnings
}

/// `ADDRESS/LENGTH` of an interface: canonical, with bits beyond the length.
pub fn is_valid_interface_address(path: &Path, text: &str) -> ErrorList {
    match parse_cidr_sloppy(text) {
        Some((ip, length)) => not_canonical(path, text, &format!("{ip}/{length}")),
        None => vec![Error::invalid(
            path,
            text,
            "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)",
        )],
    }
}
