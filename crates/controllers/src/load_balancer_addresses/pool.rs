//! The addresses that there are to give.

use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// As many ranges as there may be: each address that is asked for is looked for in all.
const MAX_RANGES: usize = 64;

/// Ranges of addresses, of one family or of both. As text they are CIDRs or `FIRST-LAST`, parted by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool(Vec<Span>);

/// Addresses of one family, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    first: IpAddr,
    last: IpAddr,
}

/// What is no pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// It is no range of addresses.
    #[error(
        "{0:?} is no range of addresses, as 192.0.2.64/26, 192.0.2.10-192.0.2.20 and 2001:db8::100-2001:db8::1ff are"
    )]
    Unreadable(String),
    /// There are more ranges than are looked at.
    #[error("there are {0} ranges, and may be {MAX_RANGES}")]
    TooMany(usize),
}

impl Pool {
    /// Whether there is any of that family.
    pub fn has_family(&self, ipv4: bool) -> bool {
        self.addresses(ipv4).next().is_some()
    }

    /// Whether it is one that can be given.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let is_within = |span: &Span| span.first <= ip && ip <= span.last;
        self.0.iter().any(is_within) && !is_edge(ip)
    }

    /// Whether one of its ranges has an address in common with this one.
    pub fn overlaps(&self, range: IpNet) -> bool {
        let is_apart = |span: &Span| span.last < range.network() || range.broadcast() < span.first;
        !self.0.iter().all(is_apart)
    }

    /// All that can be given, from the lowest on. There may be very many.
    pub(super) fn addresses(&self, ipv4: bool) -> impl Iterator<Item = IpAddr> + use<> {
        let spans = self.0.clone().into_iter();
        let of_family = spans.filter(move |span| span.first.is_ipv4() == ipv4);
        let all = of_family.flat_map(|span| {
            let next = move |ip: &IpAddr| (*ip < span.last).then(|| next(*ip)).flatten();
            iter::successors(Some(span.first), next)
        });
        all.filter(|ip| !is_edge(*ip))
    }
}

fn next(ip: IpAddr) -> Option<IpAddr> {
    Some(match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits().checked_add(1)?).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits().checked_add(1)?).into(),
    })
}

/// Nobody gets these. Of IPv4 they may be the network's own and its broadcast address, and there are devices that take them for that anyway;
/// of IPv6 the one that all routers of a network have, as every node is one (RFC 4291, 2.6.1).
fn is_edge(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(ip.octets()[3], 0 | 255),
        IpAddr::V6(ip) => ip.to_bits().trailing_zeros() >= 64,
    }
}

fn span(text: &str) -> Option<Span> {
    let (first, last): (IpAddr, IpAddr) = match text.split_once('-') {
        Some((first, last)) => (first.trim().parse().ok()?, last.trim().parse().ok()?),
        None => {
            let range: IpNet = text.parse().ok()?;
            (range.network(), range.broadcast())
        }
    };
    let is_range = first.is_ipv4() == last.is_ipv4() && first <= last;
    is_range.then_some(Span { first, last })
}

impl FromStr for Pool {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Self, PoolError> {
        let read = |text: &str| {
            let span = span(text.trim());
            span.ok_or_else(|| PoolError::Unreadable(text.to_owned()))
        };
        let count = text.split(',').count();
        if count > MAX_RANGES {
            return Err(PoolError::TooMany(count));
        }
        let mut all = text
            .split(',')
            .map(read)
            .collect::<Result<Vec<Span>, _>>()?;
        all.sort_unstable();
        // Where two have addresses in common these are told twice, which does no harm: what is taken is passed over.
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, ipv4: bool) -> String {
        let pool: Pool = text.parse().unwrap();
        let all = pool.addresses(ipv4).take(4).map(|ip| ip.to_string());
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ranges_are_blocks_or_from_first_to_last() {
        let text = "192.0.2.252/30, 192.0.2.9-192.0.2.10,2001:db8::ff-2001:db8::100";
        assert_eq!(
            all(text, true),
            "192.0.2.9 192.0.2.10 192.0.2.252 192.0.2.253"
        );
        assert_eq!(all(text, false), "2001:db8::ff 2001:db8::100");
        assert_eq!(all("192.0.2.255-192.0.3.1", true), "192.0.3.1");
        assert_eq!(all("255.255.255.254/31", true), "255.255.255.254");
        for bad in [
            "",
            "192.0.2.1",
            "192.0.2.9-192.0.2.8",
            "192.0.2.1-2001:db8::1",
            "192.0.2.0/24,",
            "a-b",
        ] {
            assert!(
                matches!(bad.parse::<Pool>(), Err(PoolError::Unreadable(_))),
                "{bad}"
            );
        }
        let many = vec!["192.0.2.0/24"; MAX_RANGES + 1].join(",");
        assert_eq!(
            many.parse::<Pool>(),
            Err(PoolError::TooMany(MAX_RANGES + 1))
        );
    }

    #[test]
    fn what_a_pool_has_in_common_with_others() {
        let pool: Pool = "10.0.0.250-10.0.1.10,fd00::1-fd00::f".parse().unwrap();
        for (range, overlaps) in [
            ("10.0.0.0/25", false),
            ("10.0.0.0/24", true),
            ("10.0.1.8/29", true),
            ("10.0.1.16/28", false),
            ("10.0.0.0/8", true),
            ("fd00::/64", true),
            ("fd00:1::/64", false),
            ("::/0", true),
        ] {
            assert_eq!(pool.overlaps(range.parse().unwrap()), overlaps, "{range}");
        }
        for (ip, contains) in [
            ("10.0.0.250", true),
            ("10.0.0.255", false),
            ("10.0.1.0", false),
            ("10.0.1.10", true),
            ("10.0.1.11", false),
            ("fd00::f", true),
            ("fd00::", false),
        ] {
            assert_eq!(pool.contains(ip.parse().unwrap()), contains, "{ip}");
        }
        assert!(!"10.0.0.0/32".parse::<Pool>().unwrap().has_family(true));
    }
}
