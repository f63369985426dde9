//! Blocks of addresses with exceptions, and how those of many rules become ranges that do not overlap.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::bounds;
use super::ports::PortSet;
use crate::family::Family;

/// Addresses that a rule names: a range without some ranges.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Block {
    pub(crate) range: IpNet,
    pub(crate) except: Vec<IpNet>,
}

impl Block {
    /// Every address of a family.
    pub(crate) fn everyone(family: Family) -> Self {
        let range = match family {
            Family::V4 => IpNet::new_assert([0; 4].into(), 0),
            Family::V6 => IpNet::new_assert([0u16; 8].into(), 0),
        };
        Self {
            range,
            except: Vec::new(),
        }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.range.contains(&address) && !self.except.iter().any(|range| range.contains(&address))
    }
}

/// Addresses from the first to the last, by number.
type Range = (u128, u128);

/// For every address of the family that a block has, the ports of all blocks that have it: in the fewest ranges, which do not overlap. `None`
/// where that is too much.
pub(crate) fn partition<'a>(
    family: Family,
    blocks: impl Iterator<Item = (&'a Block, &'a PortSet)>,
) -> Option<Vec<(IpAddr, IpAddr, PortSet)>> {
    let spans: Vec<(Range, &PortSet)> = blocks
        .filter(|(block, _)| Family::of(block.range.addr()) == family)
        .flat_map(|(block, ports)| spans(block).into_iter().map(move |span| (span, ports)))
        .collect();
    let mut ranges: Vec<(u128, u128, PortSet)> = Vec::new();
    let mut work = 0;
    sweep(family, &spans, |(first, last), open| {
        let mut ports = PortSet::default();
        for of_span in open.keys() {
            ports.add_all(of_span);
            work += ports.len() + 1;
            if work > bounds::WORK {
                return false;
            }
        }
        match ranges.last_mut() {
            Some(before) if before.1.checked_add(1) == Some(first) && before.2 == ports => {
                before.1 = last;
            }
            _ => ranges.push((first, last, ports)),
        }
        ranges.len() <= bounds::OF_POD
    })
    .then(|| {
        let address = |number| address(family, number);
        let ranges = ranges.into_iter();
        ranges
            .map(|(first, last, ports)| (address(first), address(last), ports))
            .collect()
    })
}

/// The port sets of the spans that have an address, each with how many have it.
type Open<'a> = BTreeMap<&'a PortSet, usize>;

/// Tells the pieces that the ends of all spans cut addresses into, each with what the spans say that have it. Spans may be many, for
/// anybody may write policies; what they say is a few things mostly, and is counted. Ends early, and says so, where that is told of one that
/// it is too much.
fn sweep(
    family: Family,
    spans: &[(Range, &PortSet)],
    mut tell: impl FnMut(Range, &Open<'_>) -> bool,
) -> bool {
    // Where spans begin, and behind which number they end: the last number of all has none behind it.
    let mut cuts: BTreeMap<u128, (Vec<&PortSet>, Vec<&PortSet>)> = BTreeMap::new();
    for ((first, last), ports) in spans {
        cuts.entry(*first).or_default().0.push(ports);
        if let Some(behind) = last.checked_add(1) {
            cuts.entry(behind).or_default().1.push(ports);
        }
    }
    let mut open = Open::new();
    let mut begin = None;
    for (at, (opened, closed)) in cuts {
        if let Some(first) = begin.filter(|_| !open.is_empty())
            && !tell((first, at - 1), &open)
        {
            return false;
        }
        for ports in opened {
            *open.entry(ports).or_default() += 1;
        }
        for ports in closed {
            let count = open.get(ports).copied().unwrap_or_default();
            match count {
                0 | 1 => drop(open.remove(ports)),
                _ => drop(open.insert(ports, count - 1)),
            }
        }
        begin = Some(at);
    }
    let last = begin.filter(|_| !open.is_empty());
    last.is_none_or(|first| tell((first, highest(family)), &open))
}

/// A block without its exceptions.
fn spans(block: &Block) -> Vec<Range> {
    let mut holes: Vec<Range> = block.except.iter().map(ends).collect();
    holes.sort_unstable();
    let (mut first, last) = ends(&block.range);
    let mut spans = Vec::new();
    for (begin, end) in holes {
        if begin > last || end < first {
            continue;
        }
        if begin > first {
            spans.push((first, begin - 1));
        }
        if end >= last {
            return spans;
        }
        first = end + 1;
    }
    spans.push((first, last));
    spans
}

fn ends(range: &IpNet) -> Range {
    (number(range.network()), number(range.broadcast()))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Of a number that is one of the family's.
fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()),
        Family::V6 => IpAddr::V6(number.into()),
    }
}

fn highest(family: Family) -> u128 {
    match family {
        Family::V4 => u32::MAX.into(),
        Family::V6 => u128::MAX,
    }
}
