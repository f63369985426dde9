//! Images, sandboxes, containers, logs and exec on Linux itself.
//!
//! [`cri`] holds the words in which a node talks to any runtime; the other modules are the embedded runtime.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cgroup;
pub mod cri;
pub mod embedded;
pub mod images;
pub mod logs;
pub mod sandbox;
pub mod seccomp;
pub mod shim;
pub mod spec;
