//! Cluster DNS, on every node for its own pods: what the API knows of services is answered from memory, all else by the host's resolvers.
//!
//! Pure: [`zone`] answers from a snapshot, as Kubernetes' DNS-based service discovery 1.1.0 has it, and [`settings`] says who is asked for the rest.
//! [`server`] listens, [`resolver`] answers, [`upstream`] asks others, a question at a time ([`exchange`]), [`cache`] keeps their answers for a while, [`silent`] who gave none,
//! [`followed`] learns of other settings and keeps them in a file. While the API is away the last that was known is answered.

mod cache;
mod exchange;
mod followed;
mod records;
mod reply;
pub(crate) mod resolv_conf;
mod resolver;
mod server;
mod settings;
mod silent;
mod upstream;
mod zone;

pub(crate) use exchange::exchange;
pub use followed::DnsSettings;
pub use server::{DnsConfig, DnsServer};

#[cfg(test)]
mod tests;
