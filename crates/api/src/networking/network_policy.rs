//! Network policies.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPort, NetworkPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{ErrorList, Path};
use navarch_machinery::names::warnings_for_cidr;
use serde::Deserialize;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::{drop_empty, drop_empty_selector};
use crate::metadata::{format_labels, format_selector, raise_generation};
use crate::naming;
use crate::strategy::{Hooks, Part};

const INGRESS: &str = "Ingress";
const EGRESS: &str = "Egress";

impl Hooks for NetworkPolicy {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Pod-Selector",
            "string",
            "",
            0,
            "podSelector selects the pods to which this NetworkPolicy object applies. The array of rules is applied to any pods \
            selected by this field. An empty selector matches all pods in the policy's namespace. Multiple network policies can \
            select the same set of pods. In this case, the ingress rules for each are combined additively. This field is optional. \
            If it is not specified, it defaults to an empty selector.",
        ),
        cell::AGE,
    ];

    fn after_decode(&mut self, json: &[u8]) {
        // An empty selector of labels that is given raises the generation, as an empty list does.
        let Ok(given) = serde_json::from_slice::<Given>(json) else {
            return;
        };
        let (own, given) = (self.spec.iter_mut(), given.spec.into_iter());
        for (own, mut given) in own.zip(given) {
            for (own, given) in selectors(own).into_iter().zip(selectors(&mut given)) {
                own.clone_from(given);
            }
        }
    }

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        spec.pod_selector.get_or_insert_default();
        default_rules(spec);
        drop_empty(&mut spec.policy_types);
        if spec.policy_types.is_none() {
            let rules = spec.egress.as_deref().unwrap_or_default();
            let egress = (!rules.is_empty()).then(|| EGRESS.to_owned());
            spec.policy_types = Some([INGRESS.to_owned()].into_iter().chain(egress).collect());
        }
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
        self.spec.iter_mut().for_each(drop_empty_lists);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.spec != old.spec {
            raise_generation(&mut self.metadata, &old.metadata);
        }
        self.spec.iter_mut().for_each(drop_empty_lists);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate::spec(spec, &[])).collect()
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let known: Vec<&str> = old.spec.iter().flat_map(validate::cidrs).collect();
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate::spec(spec, &known)).collect()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        self.spec.iter().flat_map(warnings).collect()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let selector = self
            .spec
            .as_ref()
            .and_then(|spec| spec.pod_selector.as_ref());
        let shown = selector.map(format_selector).unwrap_or_default();
        vec![
            cell::name(&self.metadata),
            if shown.is_empty() {
                format_labels(None).into()
            } else {
                shown.into()
            },
            cell::age(&self.metadata, now),
        ]
    }
}

fn default_rules(spec: &mut NetworkPolicySpec) {
    for rule in spec.ingress.iter_mut().flatten() {
        default_ports(&mut rule.ports);
    }
    for rule in spec.egress.iter_mut().flatten() {
        default_ports(&mut rule.ports);
    }
}

fn default_ports(ports: &mut Option<Vec<NetworkPolicyPort>>) {
    for port in ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
}

/// A policy as it was sent, as far as its selectors go.
#[derive(Deserialize)]
struct Given {
    spec: Option<NetworkPolicySpec>,
}

/// All selectors of a policy, always in the same order.
fn selectors(spec: &mut NetworkPolicySpec) -> Vec<&mut LabelSelector> {
    let ingress = spec.ingress.iter_mut().flatten();
    let egress = spec.egress.iter_mut().flatten();
    let peers = ingress.flat_map(|rule| rule.from.iter_mut().flatten());
    let peers = peers.chain(egress.flat_map(|rule| rule.to.iter_mut().flatten()));
    let of_peers = peers.flat_map(|peer| {
        let both = [&mut peer.pod_selector, &mut peer.namespace_selector];
        both.into_iter().flatten()
    });
    spec.pod_selector.iter_mut().chain(of_peers).collect()
}

/// Drops the lists that are as good as none, once the policy was compared with the one before: there they are not.
fn drop_empty_lists(spec: &mut NetworkPolicySpec) {
    selectors(spec).into_iter().for_each(drop_empty_selector);
    drop_empty(&mut spec.ingress);
    drop_empty(&mut spec.egress);
    let ingress = spec.ingress.iter_mut().flatten();
    let egress = spec.egress.iter_mut().flatten();
    let lists = ingress.map(|rule| (&mut rule.ports, &mut rule.from));
    let lists = lists.chain(egress.map(|rule| (&mut rule.ports, &mut rule.to)));
    for (ports, peers) in lists {
        drop_empty(ports);
        drop_empty(peers);
        let blocks = peers
            .iter_mut()
            .flatten()
            .flat_map(|peer| &mut peer.ip_block);
        blocks.for_each(|block| drop_empty(&mut block.except));
    }
}

fn warnings(spec: &NetworkPolicySpec) -> Vec<String> {
    let mut warnings = Vec::new();
    for (path, peer) in validate::peers(spec, &Path::new("spec")) {
        let Some(block) = &peer.ip_block else {
            continue;
        };
        let path = path.child("ipBlock");
        warnings.extend(warnings_for_cidr(&path.child("cidr"), &block.cidr));
        for (at, except) in block.except.iter().flatten().enumerate() {
            warnings.extend(warnings_for_cidr(&path.child("except").index(at), except));
        }
    }
    warnings
}
