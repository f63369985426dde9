//! What a node is known by: a pair of keys of Curve25519, written as WireGuard's tools do.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boringtun::x25519;

/// Octets of a key.
pub(crate) const LENGTH: usize = 32;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {LENGTH} octets, not all of them zero, in base64")]
pub struct NotAKey;

/// What packets to a node are encrypted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub(crate) [u8; LENGTH]);

/// What only the node itself knows.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(pub(crate) [u8; LENGTH]);

impl PrivateKey {
    /// A new one.
    pub fn generate() -> std::io::Result<Self> {
        let mut octets = [0; LENGTH];
        getrandom::fill(&mut octets).map_err(std::io::Error::other)?;
        Ok(Self::clamped(octets))
    }

    /// Curve25519 looks at the other bits alone. The kernel says a key so, however it was told it: one that is kept otherwise would differ from
    /// what the kernel says for ever, and telling it anew ends all that was agreed upon.
    fn clamped(mut octets: [u8; LENGTH]) -> Self {
        octets[0] &= 0b1111_1000;
        octets[LENGTH - 1] = octets[LENGTH - 1] & 0b0111_1111 | 0b0100_0000;
        Self(octets)
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519::PublicKey::from(&self.secret()).to_bytes())
    }

    /// As it is kept; whoever reads it is the node.
    pub fn reveal(&self) -> String {
        STANDARD.encode(self.0)
    }

    pub(super) fn secret(&self) -> x25519::StaticSecret {
        x25519::StaticSecret::from(self.0)
    }
}

impl FromStr for PrivateKey {
    type Err = NotAKey;

    /// Zero is refused: to the kernel it is the word for none.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        octets(text).map(Self::clamped)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    /// Zero is refused: with it everybody would agree on one secret.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        octets(text).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

fn octets(text: &str) -> Result<[u8; LENGTH], NotAKey> {
    let octets = STANDARD.decode(text.trim()).map_err(|_| NotAKey)?;
    let octets = octets.try_into().map_err(|_| NotAKey)?;
    match octets == [0; LENGTH] {
        true => Err(NotAKey),
        false => Ok(octets),
    }
}
