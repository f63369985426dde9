//! Network policies.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use navarch_machinery::field::{ErrorList, Path};
use navarch_machinery::names::warnings_for_cidr;
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

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty_selector(spec.pod_selector.get_or_insert_default());
        default_rules(spec);
        drop_empty(&mut spec.policy_types);
        if spec.policy_types.is_none() {
            let egress = spec.egress.is_some().then(|| EGRESS.to_owned());
            spec.policy_types = Some([INGRESS.to_owned()].into_iter().chain(egress).collect());
        }
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.spec != old.spec {
            raise_generation(&mut self.metadata, &old.metadata);
        }
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
    drop_empty(&mut spec.ingress);
    for rule in spec.ingress.iter_mut().flatten() {
        default_rule(&mut rule.ports, &mut rule.from);
    }
    drop_empty(&mut spec.egress);
    for rule in spec.egress.iter_mut().flatten() {
        default_rule(&mut rule.ports, &mut rule.to);
    }
}

fn default_rule(
    ports: &mut Option<Vec<NetworkPolicyPort>>,
    peers: &mut Option<Vec<NetworkPolicyPeer>>,
) {
    drop_empty(ports);
    for port in ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    drop_empty(peers);
    for peer in peers.iter_mut().flatten() {
        let selectors = [&mut peer.pod_selector, &mut peer.namespace_selector];
        selectors
            .into_iter()
            .flatten()
            .for_each(drop_empty_selector);
        if let Some(block) = &mut peer.ip_block {
            drop_empty(&mut block.except);
        }
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
