//! Addresses and networks.

use std::net::{IpAddr, Ipv4Addr};

use crate::field::{Error, ErrorList, Path};

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
    (length <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, length))
}

/// A canonical address.
pub fn is_valid_ip(path: &Path, text: &str) -> ErrorList {
    match parse_ip_sloppy(text) {
        Some(_) => Vec::new(),
        None => vec![Error::invalid(
            path,
            text,
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        )],
    }
}

/// A canonical network.
pub fn is_valid_cidr(path: &Path, text: &str) -> ErrorList {
    match parse_cidr_sloppy(text) {
        Some(_) => Vec::new(),
        None => vec![Error::invalid(
            path,
            text,
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        )],
    }
}
