//! Images, sandboxes, containers, logs and exec on Linux itself.
//!
//! [`cri`] holds the words in which a node talks to any runtime; the other modules are the embedded runtime.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cri;
pub mod images;
