//! The core group.

mod binding;
mod config_map;
mod endpoints;
mod event;
mod namespace;
mod node;
mod replication_controller;
mod secret;
mod service;
mod service_account;
