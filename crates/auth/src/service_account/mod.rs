//! Service account tokens: signed claims (JWT). [`TokenKeys`] signs with one key and believes several, so that keys can be exchanged.

mod claims;
mod der;
mod keys;
mod legacy;
mod public_key;
mod signing_key;

pub use claims::{BoundObject, Claims, TokenRequest};
pub use keys::{Token, TokenKeys};
pub use legacy::LegacyClaims;
pub use public_key::PublicKey;
pub use signing_key::SigningKey;

#[cfg(test)]
mod tests;
