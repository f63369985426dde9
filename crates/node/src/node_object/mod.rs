//! The Node object: what the node says of itself.

mod conditions;
mod heartbeat;
mod lease;
mod machine;
mod object;

pub(crate) use heartbeat::{heartbeat, register, unready};
pub(crate) use lease::renew;
pub(crate) use machine::Machine;
