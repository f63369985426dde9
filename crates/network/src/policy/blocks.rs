//! Blocks of addresses with exceptions, and how those of many rules become ranges that do not overlap.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

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

/// For every address of the family that a block has, the ports of all blocks that have it: in the fewest ranges, which do not overlap.
pub(crate) fn partition<'a>(
    family: Family,
    blocks: impl Iterator<Item = (&'a Block, &'a PortSet)>,
) -> Vec<(IpAddr, IpAddr, PortSet)> {
    let spans: Vec<(Range, &PortSet)> = blocks
        .filter(|(block, _)| Family::of(block.range.addr()) == family)
        .flat_map(|(block, ports)| spans(block).into_iter().map(move |span| (span, ports)))
        .collect();
    let mut ranges: Vec<(u128, u128, PortSet)> = Vec::new();
    for ((first, last), open) in pieces(family, &spans) {
        let mut ports = PortSet::default();
        for span in open {
            ports.add_all(spans[span].1);
        }
        match ranges.last_mut() {
            Some(before) if before.1.checked_add(1) == Some(first) && before.2 == ports => {
                before.1 = last;
            }
            _ => ranges.push((first, last, ports)),
        }
    }
    let address = |number| address(family, number);
    ranges
        .into_iter()
        .map(|(first, last, ports)| (address(first), address(last), ports))
        .collect()
}

/// The pieces that the ends of all spans cut addresses into, each with the spans that have it.
fn pieces(family: Family, spans: &[(Range, &PortSet)]) -> Vec<(Range, Vec<usize>)> {
    // Where spans begin, and behind which number they end: the last number of all has none behind it.
    let mut cuts: BTreeMap<u128, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, ((first, last), _)) in spans.iter().enumerate() {
        cuts.entry(*first).or_default().0.push(index);
        if let Some(behind) = last.checked_add(1) {
            cuts.entry(behind).or_default().1.push(index);
        }
    }
    let mut pieces = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut begin = None;
    for (at, (opened, closed)) in cuts {
        if let Some(first) = begin.filter(|_| !open.is_empty()) {
            pieces.push(((first, at - 1), open.clone()));
        }
        open.retain(|span| !closed.contains(span));
        open.extend(opened);
        begin = Some(at);
    }
    if let Some(first) = begin.filter(|_| !open.is_empty()) {
        pieces.push(((first, highest(family)), open));
    }
    pieces
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
