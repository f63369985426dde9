//! Peers: what rules name, each once.

use super::*;

/// The peers that are looked for among the cluster's pods, each once.
#[derive(Debug, Default)]
pub(super) struct Atoms {
    pub(super) peers: Vec<(Atom, Id)>,
    known: BTreeMap<Id, usize>,
    /// The names by which ports of other pods are asked for.
    pub(super) names: BTreeSet<NamedPort>,
}

/// One of them.
#[derive(Debug)]
pub(super) enum Atom {
    Pods(PodPeer),
    /// Where a named port is asked for at an address: only a pod has names.
    Block(Block),
}

impl Atoms {
    pub(super) fn add(&mut self, atom: Atom) -> usize {
        let id = atom.id();
        let next = self.peers.len();
        let index = *self.known.entry(id).or_insert(next);
        if index == next {
            self.peers.push((atom, id));
        }
        index
    }
}

impl Atom {
    fn id(&self) -> Id {
        match self {
            Self::Pods(peer) => {
                let mut naming = Naming::of("pods");
                match &peer.namespaces {
                    Namespaces::One(name) => naming.text(name),
                    // No namespace is called so.
                    Namespaces::Labelled(selector) => naming.text(&format!("[{selector}]")),
                }
                naming.text(&peer.pods.to_string());
                naming.id()
            }
            Self::Block(block) => {
                let mut naming = Naming::of("block");
                naming.text(&block.range.to_string());
                block
                    .except
                    .iter()
                    .for_each(|range| naming.text(&range.to_string()));
                naming.id()
            }
        }
    }
}
