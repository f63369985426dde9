//! Controllers against the API server in this process.
#![allow(clippy::unwrap_used)]

mod balancers;
mod certificates;
mod cluster;
mod garbage;
mod namespaces;
mod permissions;
mod quotas;
mod rollout;
mod stopping;
