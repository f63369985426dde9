//! The API crate against what a real API server answered.
#![allow(clippy::unwrap_used)]

mod hooks;
mod protobuf;
mod recorded;
mod storage;
mod table;
