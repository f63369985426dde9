//! What is allowed to the pods of a group, if it is not too much.

use super::groups::Group;
use super::identities::Identity;
use super::*;
use crate::policy::bounds;

/// Keys, each with the ports that are to be allowed there.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) allowed: Vec<(Key, Id)>,
    pub(super) ports: BTreeMap<Id, PortSet>,
    /// The identities that may something.
    pub(super) identities: Vec<u32>,
}

impl Share {
    /// `None`: it is more than a pod may have.
    pub(super) fn of(group: &Group, identities: &[(&Identity, u32)]) -> Option<Self> {
        let looks = group.rules().saturating_mul(identities.len());
        if group.is_too_much || looks > bounds::LOOKS {
            return None;
        }
        let (mut share, mut ranges) = (Self::default(), 0);
        for family in group.families() {
            let partition = blocks::partition(family, group.blocks())?;
            ranges = partition.len().max(ranges);
            for (first, last, ports) in partition {
                for pod in group.pods_of(family) {
                    share.allow(Key::Block(group.direction, pod, first, last), &ports);
                }
            }
        }
        for (identity, number) in identities {
            let ports = group.ports_of(identity);
            if ports.is_empty() {
                continue;
            }
            share.identities.push(*number);
            if ranges + share.identities.len() > bounds::OF_POD {
                return None;
            }
            for pod in &group.pods {
                share.allow(Key::Pair(group.direction, *number, *pod), &ports);
            }
        }
        Some(share)
    }

    /// How many elements it is, at most.
    pub(super) fn size(&self) -> usize {
        let ports = self.ports.values().map(PortSet::len);
        self.allowed.len() + ports.sum::<usize>()
    }

    fn allow(&mut self, key: Key, ports: &PortSet) {
        if !ports.is_empty() {
            let id = ports.id();
            self.allowed.push((key, id));
            self.ports.entry(id).or_insert_with(|| ports.clone());
        }
    }
}
