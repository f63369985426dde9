//! Names of what the tables' keys consist of, made from what it is: so that the same is called the same after a restart, and nothing has
//! to be remembered for it.
//!
//! They are as long as they are because whoever writes policies and labels chooses what is named: two things of one name would be allowed
//! what either is.

use std::fmt;

use sha2::{Digest, Sha256};

/// The first 16 octets of a digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) [u8; Self::LENGTH]);

impl Id {
    pub(crate) const LENGTH: usize = 16;
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
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
