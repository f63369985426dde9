//! The core group.

mod binding;
mod component_status;
mod config_map;
mod endpoints;
pub(crate) mod event;
mod json_text;
pub mod limit_range;
pub mod namespace;
mod node;
pub mod node_labels;
pub mod persistent_volume;
mod persistent_volume_claim;
mod replication_controller;
mod resource_quota;
mod secret;
pub mod service;
mod service_account;

pub use config_map::MAX_SIZE;
