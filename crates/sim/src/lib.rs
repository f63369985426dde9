//! A whole cluster on a virtual clock: a store in memory, the API server, the controllers, the scheduler and nodes on machines that
//! are doubles, with calls that get lost and parts that are killed, by a seed.
//!
//! Time is tokio's, paused: it moves on when nobody has anything left to do, so that minutes pass in milliseconds. [`Cluster`] is put
//! together, [`Faults`] say what goes wrong on the way, [`invariants`] look at every revision of the store. What one thread does it
//! does in one order; only names and uids are drawn anew each time, so a seed that failed fails again, if not always.
//!
//! The times that the API server writes are the host's: they stand still while the virtual clock goes on, and so graces of deletions
//! look over when the node comes to them.

mod clock;
mod cluster;
mod faults;
pub mod invariants;
mod link;
mod machine;
mod node;
mod settled;
mod user;
mod witness;

pub use clock::SimClock;
pub use cluster::{Cluster, Part};
pub use faults::{Faults, Rates};
pub use machine::Machine;
pub use node::SimNode;
pub use user::{Size, User};
pub use witness::{Change, Invariant, State, Witness};
