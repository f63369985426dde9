//! The agent on doubles of the API, the runtime, the network and the volumes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod api;
mod cluster;
mod debugging;
mod draining;
mod pods;
mod real;
mod removed;
mod resize;
mod runtime;
