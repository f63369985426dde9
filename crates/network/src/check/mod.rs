//! Whether pods, names, services and policies of a cluster are as they should be, seen from every node and from a pod on each.
//!
//! [`run`] speaks to the API alone, so it finds out where the network does not work, too. In a namespace of its own it has an *answerer* on
//! every node: a pod that says which node it is of ([`answer`]). Then, from a pod on every node and from the node itself, an *asker*
//! asks them all ([`ask`]), and leaves what it found as its container's termination message.
//!
//! Pure: `plan` says who asks whom, `objects` what is made for it, `findings` what an asker says, `report` what comes of all that.

mod answerer;
mod asker;
mod findings;
mod objects;
mod plan;
mod pods;
mod report;
mod shell;
mod state;
mod task;

#[cfg(test)]
mod tests;

pub use answerer::answer;
pub use asker::ask;
pub use objects::LONGEST as LONGEST_TIMEOUT;
pub use report::Report;
pub use shell::{CheckError, CheckOptions, run};

/// The annotation by which a Node says whose its pods' network is.
pub const POD_NETWORK: &str = "navarch.dev/pod-network";
/// What it says where that is plugins', of which nobody knows whether they apply network policies.
pub const OF_PLUGINS: &str = "cni";

/// Where an answerer says who it is, by TCP, and sends back what it gets, by UDP.
const OPEN: u16 = 8080;
/// Where it says so as well, and a network policy lets nobody in.
const CLOSED: u16 = 8081;
/// Where the service is that leads to all answerers.
const SERVICE: u16 = 80;
