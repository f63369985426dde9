//! Pods on their node: what becomes of containers, and what kubectl shows of it.

mod restarts;
mod security;
mod sources;
