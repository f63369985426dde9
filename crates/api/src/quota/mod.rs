//! What resource quotas count, and what a write adds to what is counted. Pure.
//!
//! Follows Kubernetes' quota evaluators and its `ResourceQuota` admission in what counts, what is refused and how that is told. One
//! thing differs: a write charges quotas in its own transaction, up and down, so what is used is exact at every moment; Kubernetes
//! raises it before the write and lowers it some time after.
//!
//! `resource.rs` says which names of a quota concern which resource, a file for each resource that has more than a number says what
//! its objects come to, `scopes.rs` which objects a quota is about, `charge.rs` what a write does to quotas, and `recount.rs` what
//! all objects come to.

mod amounts;
mod charge;
mod claims;
mod devices;
mod pods;
mod recount;
mod resource;
mod scopes;
mod services;

pub use charge::{Charge, Refusal, Write, charge, concerns};
pub use recount::{Recount, frees};
pub use resource::Resource;

#[cfg(test)]
mod tests;
