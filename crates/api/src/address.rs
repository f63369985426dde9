//! Addresses in objects: what endpoints may have, and warnings about odd spellings.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{parse_cidr_sloppy, parse_ip_sloppy};

/// An address that traffic can be sent to: not unspecified, loopback or link-local.
pub fn endpoint_ip(text: &str, path: &Path) -> ErrorList {
    let Some(ip) = parse_ip_sloppy(text).map(|ip| ip.to_canonical()) else {
        return vec![Error::invalid(path, text, "must be a valid IP address")];
    };
    let mut errors = ErrorList::new();
    if ip.is_unspecified() {
        errors.push(Error::invalid(
            path,
            text,
            format!("may not be unspecified ({text})"),
        ));
    }
    if ip.is_loopback() {
        errors.push(Error::invalid(
            path,
            text,
            "may not be in the loopback range (127.0.0.0/8, ::1/128)",
        ));
    }
    if is_link_local(ip) {
        errors.push(Error::invalid(
            path,
            text,
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        ));
    }
    if is_link_local_multicast(ip) {
        errors.push(Error::invalid(
            path,
            text,
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
        ));
    }
    errors
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    }
}

/// Whether a text is an IPv6 address.
pub fn is_ipv6(text: &str) -> bool {
    parse_ip_sloppy(text).is_some_and(|ip| ip.to_canonical().is_ipv6())
}

/// Whether a text is an IPv4 address.
pub fn is_ipv4(text: &str) -> bool {
    parse_ip_sloppy(text).is_some_and(|ip| ip.to_canonical().is_ipv4())
}

/// Warnings about an address that is written in another way than the usual.
pub fn ip_warnings(path: &Path, text: &str) -> Vec<String> {
    let Some(ip) = parse_ip_sloppy(text) else {
        return Vec::new();
    };
    let strict = text.parse::<IpAddr>().ok();
    match strict {
        Some(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let canonical = v6.to_string();
            if canonical == text {
                return Vec::new();
            }
            vec![format!(
                "{path}: IPv6 address {text:?} should be in RFC 5952 canonical format ({canonical:?})"
            )]
        }
        Some(IpAddr::V4(_)) => Vec::new(),
        _ => {
            let better = ip.to_canonical().to_string();
            vec![format!(
                "{path}: non-standard IP address {text:?} is invalid: use {better:?}"
            )]
        }
    }
}

/// Warnings about a network that is written in another way than the usual.
pub fn cidr_warnings(path: &Path, text: &str) -> Vec<String> {
    let Some((ip, length)) = parse_cidr_sloppy(text) else {
        return Vec::new();
    };
    let (masked, bits) = match ip {
        IpAddr::V4(v4) => (
            IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask(length, 32) as u32)),
            32,
        ),
        IpAddr::V6(v6) => (
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask(length, 128))),
            128,
        ),
    };
    let mut warnings = Vec::new();
    if masked != ip {
        let (network, single) = (format!("{masked}/{length}"), format!("{ip}/{bits}"));
        warnings.push(format!("{path}: CIDR value {text:?} is ambiguous in this context (should be {network:?} or {single:?}?)"));
    }
    if text
        .split_once('/')
        .is_some_and(|(address, _)| address.parse::<IpAddr>().is_err())
    {
        let network = format!("{masked}/{length}");
        warnings.push(format!(
            "{path}: non-standard CIDR value {text:?} is invalid: use {network:?}"
        ));
    }
    let canonical = format!("{ip}/{length}");
    if warnings.is_empty() && ip.is_ipv6() && canonical != text {
        warnings.push(format!("{path}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"));
    }
    warnings
}

/// The mask of a network in an address of so many bits.
fn mask(length: u8, bits: u8) -> u128 {
    let ones = u128::MAX
        .checked_shl(u32::from(bits.saturating_sub(length)))
        .unwrap_or(0);
    if bits == 128 {
        ones
    } else {
        ones & u128::from(u32::MAX)
    }
}
