//! Identities, the certificate authority, tokens, and who may do what.
//!
//! Who may do what is [`rbac`], and for nodes [`node`]; [`policy`] is what a cluster begins with. Decisions are pure; files are read and written in [`pki`] only.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::needless_pass_by_value,
        reason = "tests say what they take for granted, and write JSON where it is used"
    )
)]

mod attributes;
mod authority;
pub mod bootstrap_token;
mod client_certificate;
mod decision;
pub mod encryption;
mod error;
mod identity;
pub mod inspection;
mod kubeconfig;
pub mod leaves;
pub mod node;
pub mod pki;
pub mod policy;
pub mod rbac;
mod service_account;
mod signing;
mod static_tokens;

pub use attributes::Attributes;
pub use authority::{Authority, Issued, Purpose, Subject};
pub use bootstrap_token::BootstrapToken;
pub use client_certificate::{certificate_expires, identity_of_certificate};
pub use decision::{Decision, Grounds};
pub use error::{Error, Result};
pub use identity::{
    ANONYMOUS, API_SERVER, AUTHENTICATED, CONTROLLER_MANAGER, KUBELET_CLIENT, MASTERS, NODES,
    SCHEDULER, SERVICE_PROXY, SERVICE_PROXY_ACCOUNT, UNAUTHENTICATED, UserInfo,
};
pub use kubeconfig::{Credential, kubeconfig};
pub use service_account::{
    BoundObject, Claims, LegacyClaims, PublicKey, SigningKey, Token, TokenKeys, TokenRequest,
};
pub use static_tokens::StaticTokens;

#[cfg(test)]
mod tests;
