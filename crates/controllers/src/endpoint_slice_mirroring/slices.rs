//! The mirrors that Endpoints should have, and the least change from those that they have.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::EventType;

use super::US;
use super::addresses::{PER_SUBSET, Wanted, wanted};
use crate::claim::controller_reference;
use crate::endpoint_slice::{Group, MANAGED_BY, SERVICE, group_of};
use crate::{Action, Note, Plan};

/// Annotations that are about the Endpoints themselves.
const NOT_CARRIED: &[&str] = &[
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// Deletes mirrors.
pub(super) fn remove(slices: &[&Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::nothing();
    let doomed = slices.iter().map(|slice| Action::delete(slice.as_ref()));
    plan.then_all(doomed.collect());
    plan
}

/// One mirror for each family and set of ports.
pub(super) fn mirror(endpoints: &Arc<Endpoints>, existing: Vec<&Arc<EndpointSlice>>) -> Plan {
    let mut plan = Plan::nothing();
    let mut wanted = wanted(endpoints);
    complain(endpoints, &wanted, &mut plan);
    let (mut actions, mut left) = (Vec::new(), Vec::new());
    for slice in existing {
        let group = group_of(slice);
        match wanted.groups.remove(&group) {
            Some(said) => {
                let next = rewritten(endpoints, slice, &group, said);
                if next != **slice {
                    actions.push(Action::update(next));
                }
            }
            None => left.push(slice),
        }
    }
    for (group, said) in wanted.groups {
        // One that is left over serves as well as a new one; but its family cannot change.
        let reusable = left
            .iter()
            .position(|slice| slice.address_type == family(&group));
        match reusable {
            Some(at) => {
                let next = rewritten(endpoints, left.remove(at), &group, said);
                actions.push(Action::update(next));
            }
            None if endpoints.metadata.deletion_timestamp.is_none() => {
                actions.push(Action::create(fresh(endpoints, &group, said)));
            }
            None => {}
        }
    }
    actions.extend(left.into_iter().map(|slice| Action::delete(slice.as_ref())));
    plan.then_all(actions);
    plan
}

fn family(group: &Group) -> &'static str {
    if group.ipv6 { "IPv6" } else { "IPv4" }
}

fn fresh(endpoints: &Arc<Endpoints>, group: &Group, said: Vec<Endpoint>) -> EndpointSlice {
    let name = endpoints.metadata.name.as_deref().unwrap_or("");
    let slice = EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: endpoints.metadata.namespace.clone(),
            ..Default::default()
        },
        address_type: family(group).to_owned(),
        ..Default::default()
    };
    rewritten(endpoints, &slice, group, said)
}

/// A slice as it should be. Its owner is set, too: the Endpoints may have been made anew under their name.
fn rewritten(
    endpoints: &Arc<Endpoints>,
    slice: &EndpointSlice,
    group: &Group,
    said: Vec<Endpoint>,
) -> EndpointSlice {
    let mut next = slice.clone();
    next.metadata.labels = Some(labels(endpoints));
    next.metadata.annotations = annotations(endpoints);
    next.metadata.owner_references = Some(vec![controller_reference(endpoints.as_ref())]);
    if *group != group_of(slice) {
        next.ports = serde_json::from_str(&group.ports).ok();
    }
    next.endpoints = Some(said);
    next
}

fn labels(endpoints: &Endpoints) -> BTreeMap<String, String> {
    let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
    let name = endpoints.metadata.name.clone().unwrap_or_default();
    labels.insert(SERVICE.into(), name);
    labels.insert(MANAGED_BY.into(), US.into());
    labels
}

fn annotations(endpoints: &Endpoints) -> Option<BTreeMap<String, String>> {
    let mut annotations = endpoints.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|name, _| !NOT_CARRIED.contains(&name.as_str()));
    (!annotations.is_empty()).then_some(annotations)
}

/// Tells of addresses that are not mirrored.
fn complain(endpoints: &Arc<Endpoints>, wanted: &Wanted, plan: &mut Plan) {
    let mut tell = |reason, message| {
        plan.tell(Note {
            about: endpoints.clone(),
            kind: EventType::Warning,
            reason,
            message,
        });
    };
    let Wanted {
        invalid, skipped, ..
    } = wanted;
    if *invalid > 0 {
        tell(
            "InvalidIPAddress",
            format!("Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices"),
        );
    }
    if skipped > invalid {
        tell(
            "TooManyAddressesToMirror",
            format!(
                "A max of {PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. {skipped} addresses were skipped"
            ),
        );
    }
}
