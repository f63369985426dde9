//! The working set in memory, shared by every backend: the newest map, the history behind it, and who waits for more.
//!
//! A backend stages transactions in a [`Batch`], makes the batch durable in its own way, and then publishes it here.
//! Nothing staged is visible before.

mod batch;
mod history;
mod limits;
pub(crate) mod row;
mod shared;
mod view;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use limits::check;
pub(crate) use shared::{Bounds, Shared};
pub(crate) use view::{Map, View};

pub use limits::{MAX_KEY, MAX_OPS, MAX_TRANSACTION};
