//! Kubernetes' types, the resource table, and each resource's defaults, validation and columns. Pure.
//!
//! [`table`] is the one place where a resource is stated; everything else that knows resources by name derives from it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod address;
pub mod admissionregistration;
pub mod apiextensions;
pub mod apiregistration;
pub mod apps;
pub mod authentication;
pub mod authorization;
pub mod autoscaling;
pub mod batch;
pub mod bootstrap_token;
pub mod call;
pub mod cell;
pub mod certificates;
pub mod check;
pub mod coordination;
pub mod core;
pub mod def;
pub mod discovery;
pub mod empty;
pub mod endpoints_applied;
pub mod events;
pub mod flowcontrol;
pub mod metadata;
pub mod naming;
pub mod networking;
pub mod node;
mod nulls;
mod percent;
pub mod pod;
pub mod pod_security;
pub mod policy;
pub mod quota;
pub mod rbac;
pub mod resource;
pub mod scheduling;
pub mod schema;
pub mod segment_addresses;
mod shown;
pub mod storage;
pub mod strategy;
pub mod table;
pub mod texts;
mod typed;
mod web_address;
mod workload;
mod written;
