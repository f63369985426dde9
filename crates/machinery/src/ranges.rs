//! Addresses of a cluster: one range, or one of each family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One range of addresses, or one of each family, of which the first is the one that is used where nothing is said. As text they are
/// separated by a comma: `10.244.0.0/16,fd00:10:244::/56`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ranges {
    first: IpNet,
    second: Option<IpNet>,
}

/// What is not one range, or one of each family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangesError {
    /// It is no range of addresses.
    #[error("{0:?} is no range of addresses, as 10.0.0.0/16 and fd00::/108 are")]
    Unreadable(String),
    /// There are two of one family, or more than two.
    #[error("{0:?}: at most one range of each family is expected")]
    TooMany(String),
}

impl Ranges {
    /// `None` where both are of one family.
    pub fn new(first: IpNet, second: Option<IpNet>) -> Option<Self> {
        let first = first.trunc();
        let second = second.map(|range| range.trunc());
        let differ = second.is_none_or(|second| is_ipv4(&second) != is_ipv4(&first));
        differ.then_some(Self { first, second })
    }

    /// The one that is used where nothing is said.
    pub fn first(&self) -> IpNet {
        self.first
    }

    /// The one of the other family.
    pub fn second(&self) -> Option<IpNet> {
        self.second
    }

    /// Each, the first first.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + use<> {
        std::iter::once(self.first).chain(self.second)
    }

    /// The one of this family.
    pub fn of_family(&self, ipv4: bool) -> Option<IpNet> {
        self.iter().find(|range| is_ipv4(range) == ipv4)
    }

    /// Whether they have an address in common.
    pub fn overlap(&self, other: &Self) -> bool {
        // Of two ranges that have an address in common one holds the other.
        let pairs = self
            .iter()
            .flat_map(|one| other.iter().map(move |two| (one, two)));
        pairs
            .into_iter()
            .any(|(one, two)| one.contains(&two) || two.contains(&one))
    }
}

/// Address number `index` of a range, whose own is number 0. `None`: it has fewer, not counting the broadcast address of IPv4.
pub fn nth(range: IpNet, index: u32) -> Option<IpAddr> {
    let address = match range.network() {
        IpAddr::V4(network) => Ipv4Addr::from_bits(network.to_bits().checked_add(index)?).into(),
        IpAddr::V6(network) => {
            Ipv6Addr::from_bits(network.to_bits().checked_add(index.into())?).into()
        }
    };
    let is_broadcast = is_ipv4(&range) && address == range.broadcast();
    (range.contains(&address) && !is_broadcast).then_some(address)
}

fn is_ipv4(range: &IpNet) -> bool {
    range.addr().is_ipv4()
}

impl From<IpNet> for Ranges {
    fn from(range: IpNet) -> Self {
        Self {
            first: range.trunc(),
            second: None,
        }
    }
}

impl FromStr for Ranges {
    type Err = RangesError;

    fn from_str(text: &str) -> Result<Self, RangesError> {
        let read = |range: &str| {
            let read = range.trim().parse();
            read.map_err(|_| RangesError::Unreadable(range.to_owned()))
        };
        let mut ranges = text.split(',').map(read);
        let first = ranges.next().unwrap_or_else(|| read(text))?;
        let second = ranges.next().transpose()?;
        match (Self::new(first, second), ranges.next()) {
            (Some(ranges), None) => Ok(ranges),
            _ => Err(RangesError::TooMany(text.to_owned())),
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        match self.second {
            Some(second) => write!(f, ",{second}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Ranges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_or_one_of_each_family() {
        for good in [
            "10.244.0.0/16",
            "fd00::/48",
            "10.244.0.0/16,fd00::/48",
            "fd00::/48,10.0.0.0/8",
        ] {
            let ranges: Ranges = good.parse().unwrap();
            assert_eq!(ranges.to_string(), good);
        }
        let ranges: Ranges = "10.244.3.1/16, fd00::1/48".parse().unwrap();
        assert_eq!(ranges.to_string(), "10.244.0.0/16,fd00::/48");
        assert_eq!(ranges.of_family(false), Some("fd00::/48".parse().unwrap()));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/8,", "x,fd00::/48"] {
            assert!(
                matches!(bad.parse::<Ranges>(), Err(RangesError::Unreadable(_))),
                "{bad}"
            );
        }
        for bad in ["10.0.0.0/16,10.1.0.0/16", "10.0.0.0/16,fd00::/48,fd01::/48"] {
            assert!(
                matches!(bad.parse::<Ranges>(), Err(RangesError::TooMany(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn addresses_are_counted_from_the_range_s_own() {
        let of = |range: &str, index| {
            let address = nth(range.parse().unwrap(), index);
            address.map(|address| address.to_string())
        };
        assert_eq!(of("10.96.0.0/16", 10).unwrap(), "10.96.0.10");
        assert_eq!(of("fd00::/112", 1).unwrap(), "fd00::1");
        for (range, index) in [
            ("10.96.0.0/29", 7),
            ("10.96.0.0/29", 8),
            ("fd00::/127", 2),
            ("255.255.255.255/32", 1),
        ] {
            assert_eq!(of(range, index), None, "{range} {index}");
        }
    }

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        let check = |one: &str, other: &str| {
            one.parse::<Ranges>()
                .unwrap()
                .overlap(&other.parse().unwrap())
        };
        assert!(check("10.0.0.0/8", "10.96.0.0/16"));
        assert!(check("10.96.0.0/16", "10.0.0.0/8"));
        assert!(check("10.96.0.0/16", "10.96.0.0/16"));
        assert!(check("10.96.0.0/16,fd00::/16", "10.97.0.0/16,fd00::/112"));
        assert!(!check("10.96.0.0/16", "10.97.0.0/16"));
        assert!(!check("fd00::/8", "10.0.0.0/8"));
    }
}
