//! Sets of ports: what a rule allows, and what rules allow together.

use std::collections::BTreeMap;

use super::id::{Id, Naming};
use crate::Protocol;

/// All ports there are.
const ALL: (u16, u16) = (0, u16::MAX);

/// Ports by protocol, in the fewest ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortSet {
    /// Everything, of whatever protocol: then there is nothing else in it.
    everything: bool,
    /// Disjoint, in order, and never next to each other.
    ranges: BTreeMap<Protocol, Vec<(u16, u16)>>,
}

/// Ports of a protocol, as in packets; ends are part of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortRange {
    pub(crate) protocol: u8,
    pub(crate) ports: (u16, u16),
}

impl PortSet {
    pub(crate) fn everything() -> Self {
        Self {
            everything: true,
            ranges: BTreeMap::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.ranges.is_empty()
    }

    /// `None`: all ports of the protocol.
    pub(crate) fn add(&mut self, protocol: Protocol, range: Option<(u16, u16)>) {
        let (mut first, mut last) = range.unwrap_or(ALL);
        if self.everything || first > last {
            return;
        }
        let ranges = self.ranges.entry(protocol).or_default();
        ranges.retain(|known| {
            let apart = known.1 < first.saturating_sub(1) || last.saturating_add(1) < known.0;
            if !apart {
                first = first.min(known.0);
                last = last.max(known.1);
            }
            apart
        });
        let at = ranges.partition_point(|known| known.0 < first);
        ranges.insert(at, (first, last));
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        if other.everything {
            *self = Self::everything();
        }
        for (protocol, ranges) in &other.ranges {
            for range in ranges {
                self.add(*protocol, Some(*range));
            }
        }
    }

    /// Whether it is all there is, of whatever protocol.
    pub(crate) fn is_everything(&self) -> bool {
        self.everything
    }

    /// How many ranges it is.
    pub(crate) fn len(&self) -> usize {
        self.ranges.values().map(Vec::len).sum()
    }

    /// The fewest ranges that are it; none overlaps another. None of everything, which no range of ports is.
    pub(crate) fn ranges(&self) -> Vec<PortRange> {
        let ranges = self.ranges.iter().flat_map(|(protocol, ranges)| {
            let protocol = protocol.number();
            ranges.iter().map(move |ports| PortRange {
                protocol,
                ports: *ports,
            })
        });
        ranges.collect()
    }

    pub(crate) fn id(&self) -> Id {
        let mut naming = Naming::of("ports");
        naming.number(self.everything.into());
        for range in self.ranges() {
            naming.number(range.protocol.into());
            naming.number(range.ports.0.into());
            naming.number(range.ports.1.into());
        }
        naming.id()
    }
}

impl PortRange {
    pub(crate) fn contains(&self, protocol: u8, port: u16) -> bool {
        self.protocol == protocol && (self.ports.0..=self.ports.1).contains(&port)
    }
}
