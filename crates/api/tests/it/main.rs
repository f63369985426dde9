//! The API crate against what a real API server answered.
#![allow(clippy::unwrap_used)]

mod certificates;
mod hooks;
mod networking;
mod protobuf;
mod recorded;
mod refused;
mod storage;
mod table;
mod webhooks;
