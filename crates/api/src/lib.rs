//! Kubernetes' types, the resource table, and each resource's defaults, validation and columns. Pure.
//!
//! [`table`] is the one place where a resource is stated; everything else that knows resources by name derives from it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod address;
pub mod apps;
pub mod autoscaling;
pub mod call;
pub mod cell;
pub mod check;
pub mod coordination;
pub mod core;
pub mod def;
pub mod discovery;
pub mod empty;
pub mod events;
pub mod metadata;
pub mod naming;
pub mod pod;
pub mod schema;
mod shown;
pub mod strategy;
pub mod table;
mod typed;
mod workload;
