//! Identities, the certificate authority and tokens.
//!
//! What proves who somebody is lives here; who may do what comes with its own modules. Decisions are pure; files are read
//! and written in [`pki`] only.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod authority;
mod client_certificate;
pub mod encryption;
mod error;
mod identity;
mod kubeconfig;
pub mod pki;
mod service_account;
mod static_tokens;

pub use authority::{Authority, Issued, Purpose, Subject};
pub use client_certificate::{certificate_expires, identity_of_certificate};
pub use error::{Error, Result};
pub use identity::{ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, UserInfo};
pub use kubeconfig::{Credential, kubeconfig};
pub use service_account::{BoundObject, Claims, TokenKey, TokenRequest};
pub use static_tokens::StaticTokens;

#[cfg(test)]
mod tests;
