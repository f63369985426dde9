//! One module a controller, each a pure plan; one shell that runs them all.
//!
//! A controller looks at snapshots of the cluster and answers with a [`Plan`]: API calls with preconditions, events, and a time to
//! look again. It never calls, waits, or reads a clock; the [`shell`] does, for all controllers alike. [`start`] runs them all.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::needless_pass_by_value,
        reason = "tests say what they take for granted, and write JSON where it is used"
    )
)]

pub mod certificates;
mod claim;
pub mod clusterrole_aggregation;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod endpoint_slice_mirroring;
pub mod endpoints;
pub mod endpoints_applied;
pub mod garbage_collection;
pub mod graph;
pub mod in_use_protection;
pub mod legacy_token_cleaner;
pub mod load_balancer_addresses;
pub mod namespace;
pub mod node_cidr;
pub mod node_lifecycle;
mod own_writes;
pub mod plan;
pub mod pod_gc;
mod pods;
pub mod replicaset;
pub mod replication_controller;
pub mod resource_quota;
pub mod root_ca;
pub mod service_account;
pub mod service_account_tokens;
pub mod shell;
mod start;
pub mod taint_eviction;
pub mod token_cleaner;

pub use plan::{Action, Expected, Note, Plan, Step};
pub use shell::{Accounts, Context, Controller, Failure, Watched, run};
pub use start::{Options, start};
