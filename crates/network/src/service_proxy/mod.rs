//! The service proxy: packets to a service's addresses and ports are sent on to its endpoints, as kube-proxy does it.
//!
//! Pure: [`service`] reads a Service, [`endpoints`] says which endpoints traffic of which kind may go to from this node, [`plan`]
//! turns both into elements of nftables maps, [`claims`] settles who has what where services claim the same, and says what a change
//! changes. The table itself ([`layout`]) never changes: its rules are as many for ten thousand services as for none. [`kernel`]
//! applies them by netlink, [`shell`] follows the API.

mod chains;
mod claims;
mod element;
mod encode;
mod endpoints;
mod health;
mod kernel;
mod layout;
mod pending;
mod plan;
mod proxy;
mod service;
mod shell;
mod stale;
mod view;

pub use proxy::{ServiceProxy, ServiceProxyConfig};
pub(crate) use service::{cluster_ips, is_external_local};
pub use view::ServiceView;
pub(crate) use view::{is_proxied, service_of};

#[cfg(test)]
mod tests;
