//! Names and numbers of what the tables' keys consist of, made from what it is: so that the same is called the same after a restart, and
//! nothing has to be remembered for it.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

/// The first 16 octets of a digest: too many for whoever writes policies and labels to find two things of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id([u8; Self::LENGTH]);

impl Id {
    const LENGTH: usize = 16;

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    fn number(self) -> u32 {
        self.0[..4]
            .iter()
            .fold(0, |number, octet| number << 8 | u32::from(*octet))
    }
}

/// A number for each of these: what it begins with, or the next that is free.
pub(crate) fn numbers(ids: &BTreeSet<Id>) -> BTreeMap<Id, u32> {
    let mut taken = BTreeSet::new();
    let number = |id: &Id| {
        let mut number = id.number();
        while !taken.insert(number) {
            number = number.wrapping_add(1);
        }
        (*id, number)
    };
    ids.iter().map(number).collect()
}

/// Takes in what is to be named, part by part: other parts, or parts split otherwise, are another name.
pub(crate) struct Naming(Sha256);

impl Naming {
    /// `what`: the kind of thing.
    pub(crate) fn of(what: &str) -> Self {
        let mut naming = Self(Sha256::new());
        naming.text(what);
        naming
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    pub(crate) fn id(self) -> Id {
        let digest = self.0.finalize();
        let mut id = [0; Id::LENGTH];
        id.copy_from_slice(&digest[..Id::LENGTH]);
        Id(id)
    }
}
