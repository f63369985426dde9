//! Kubernetes' types, the resource table, and each resource's defaults, validation and columns. Pure.
//!
//! [`table`] is the one place where a resource is stated; everything else that knows resources by name derives from it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod call;
pub mod def;
pub mod strategy;
