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

/// A range of protocols by number, each with the same range of ports; ends are part of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortRange {
    pub(crate) protocols: (u8, u8),
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

    /// The fewest ranges that are it; none overlaps another.
    pub(crate) fn ranges(&self) -> Vec<PortRange> {
        if self.everything {
            return vec![PortRange {
                protocols: (0, u8::MAX),
                ports: ALL,
            }];
        }
        let ranges = self.ranges.iter().flat_map(|(protocol, ranges)| {
            let number = protocol.number();
            ranges.iter().map(move |ports| PortRange {
                protocols: (number, number),
                ports: *ports,
            })
        });
        ranges.collect()
    }

    pub(crate) fn id(&self) -> Id {
        let mut naming = Naming::of("ports");
        for range in self.ranges() {
            for end in [range.protocols.0, range.protocols.1] {
                naming.number(end.into());
            }
            for end in [range.ports.0, range.ports.1] {
                naming.number(end.into());
            }
        }
        naming.id()
    }
}

impl PortRange {
    pub(crate) fn contains(&self, protocol: u8, port: u16) -> bool {
        (self.protocols.0..=self.protocols.1).contains(&protocol)
            && (self.ports.0..=self.ports.1).contains(&port)
    }
}
