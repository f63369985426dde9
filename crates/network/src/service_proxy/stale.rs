//! What the kernel remembers of endpoints that are gone: clients that stay with them, and flows of UDP, which have no end of their own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;

use super::claims::{Changes, Desired};
use super::element::{Family, Frontend, Key, Value};
use super::encode;
use super::plan::Flows;
use crate::Protocol;
use crate::netfilter::conntrack::Flow;
use crate::netfilter::elements::Element;

/// The frontends of which a client may be remembered with an endpoint that it can no more be sent to.
pub(crate) fn frontends(changes: &Changes, desired: &Desired) -> HashSet<Frontend> {
    let is_sticky =
        |value: Option<Value>| matches!(value, Some(Value::Choose { sticky: true, .. }));
    changes
        .removed()
        .filter_map(|(key, value)| match key {
            Key::Dispatch(_, frontend) if is_sticky(Some(value)) => Some(frontend),
            Key::Endpoint(scope, frontend, _) => {
                let dispatch = desired.value(&Key::Dispatch(scope, frontend));
                is_sticky(dispatch).then_some(frontend)
            }
            _ => None,
        })
        .collect()
}

/// Which of the remembered clients are to be forgotten. `touched`: the frontends to look at; `None` is all.
pub(crate) fn clients(
    family: Family,
    remembered: Vec<Element>,
    desired: &Desired,
    touched: Option<&HashSet<Frontend>>,
) -> Vec<Element> {
    let mut endpoints: HashMap<Frontend, HashSet<SocketAddr>> = HashMap::new();
    let mut is_stale = |element: &Element| {
        let Some((frontend, endpoint)) = encode::affinity(family, element) else {
            return true;
        };
        if touched.is_some_and(|touched| !touched.contains(&frontend)) {
            return false;
        }
        let of_frontend = endpoints
            .entry(frontend)
            .or_insert_with(|| desired.sticky_endpoints(frontend));
        !of_frontend.contains(&endpoint)
    };
    remembered.into_iter().filter(|e| is_stale(e)).collect()
}

/// Which flows go to something that does not serve, though something else does.
pub(crate) fn flows<'a>(known: Vec<Flow>, services: impl Iterator<Item = &'a Flows>) -> Vec<Flow> {
    let mut endpoints: HashMap<Frontend, &BTreeSet<SocketAddr>> = HashMap::new();
    for flows in services {
        for frontend in &flows.frontends {
            endpoints.insert(*frontend, &flows.endpoints);
        }
    }
    let is_stale = |flow: &Flow| {
        let (ip, port) = (flow.destination.ip(), flow.destination.port());
        let address = Frontend::Address(ip, Protocol::Udp, port);
        let node_port = Frontend::NodePort(Family::of(ip), Protocol::Udp, port);
        let serving = endpoints
            .get(&address)
            .or_else(|| endpoints.get(&node_port));
        serving.is_some_and(|serving| !serving.contains(&flow.answers))
    };
    known.into_iter().filter(is_stale).collect()
}
