//! Gives services of type `LoadBalancer` addresses out of a pool, for which the nodes answer on their segment (see
//! [`navarch_api::segment_addresses`]). What is given is in the services' status, and nowhere else: whoever has an address keeps it.

mod claim;
mod pool;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Service};
use navarch_api::segment_addresses::{condition, ingress, wants};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use crate::{Action, Controller, Plan, Watched};
use claim::Claim;
pub use pool::{Pool, PoolError};

/// How long changes are gathered: each plan looks at all services.
const GATHER: Duration = Duration::from_millis(5);

/// The controller. All services share one key, so that no two plans give out one address.
pub struct LoadBalancerAddresses {
    /// Services.
    pub services: Informer<Service>,
    /// Nodes, whose own addresses are nobody else's.
    pub nodes: Informer<Node>,
    /// What is given out. `None`: nothing, and what was given before is taken back.
    pub pool: Option<Pool>,
}

/// What a plan looks at.
pub struct View {
    /// Services.
    pub services: Snapshot<Service>,
    /// Nodes.
    pub nodes: Snapshot<Node>,
}

impl Controller for LoadBalancerAddresses {
    const NAME: &'static str = "load-balancer-addresses";
    const ACCOUNT: &'static str = "load-balancer-addresses";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.services.on_change(move |old, new| {
            if [old, new].into_iter().flatten().any(|it| matters(it)) {
                q.add_after(key(), GATHER);
            }
        });
        let q = queue.clone();
        self.nodes.on_change(move |old, new| {
            let of =
                |node: Option<&Arc<Node>>| node.map(|node| addresses(node).collect::<Vec<_>>());
            if of(old) != of(new) {
                q.add_after(key(), GATHER);
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.services, &self.nodes]
    }

    fn view(&self) -> View {
        View {
            services: self.services.snapshot(),
            nodes: self.nodes.snapshot(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, _key: &ObjectKey) -> Plan {
        match &self.pool {
            Some(pool) => plan(now, view, pool),
            None => withdrawal(view),
        }
    }
}

fn key() -> ObjectKey {
    ObjectKey::new("", "services")
}

fn matters(service: &Service) -> bool {
    wants(service) || condition(service).is_some() || !ingress(service).is_empty()
}

fn addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let all = node.status.as_ref().and_then(|it| it.addresses.as_ref());
    all.into_iter()
        .flatten()
        .filter_map(|address| address.address.parse().ok())
}

/// First everybody keeps what they have, then come those who ask for a certain address, and the others get the lowest that are left. Of
/// two who want the same the older gets it. What somebody is to give up is nobody's before it is written so: it may not come to that.
pub fn plan(now: Timestamp, view: &View, pool: &Pool) -> Plan {
    let (ours, others): (Vec<_>, Vec<_>) = view.services.iter().partition(|it| wants(it));
    let mut taken: BTreeSet<IpAddr> = view.nodes.iter().flat_map(|node| addresses(node)).collect();
    taken.extend(others.iter().flat_map(|it| claim::present(it)));
    let mut claims: Vec<Claim<'_>> = ours.into_iter().map(|it| Claim::of(it, pool)).collect();
    claims.sort_by_key(Claim::age);
    for claim in &mut claims {
        claim.keep(pool, &mut taken);
    }
    taken.extend(claims.iter().flat_map(Claim::given_up));
    for claim in &mut claims {
        claim.take_wanted(pool, &mut taken);
    }
    let [mut v4, mut v6] = [true, false].map(|ipv4| pool.addresses(ipv4));
    for claim in &mut claims {
        claim.take_any(|ipv4| {
            let family = if ipv4 { &mut v4 } else { &mut v6 };
            family.find(|ip| taken.insert(*ip))
        });
    }
    let mut actions: Vec<_> = others.into_iter().filter_map(claim::withdrawn).collect();
    actions.extend(claims.iter().filter_map(|claim| claim.written(now)));
    each(actions)
}

/// Takes everything back.
fn withdrawal(view: &View) -> Plan {
    each(view.services.iter().filter_map(claim::withdrawn).collect())
}

/// Services have nothing to do with each other: one that cannot be written keeps no other.
fn each(actions: Vec<Action>) -> Plan {
    let mut plan = Plan::nothing();
    plan.then_each(actions);
    plan
}

#[cfg(test)]
mod tests;
