//! What a node may be, and what may change of it.

use k8s_openapi::api::core::v1::{Node, NodeSpec, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::quote;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{
    is_label_value, is_qualified_name, is_valid_cidr, parse_cidr_sloppy,
};
use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::address::is_ipv6;
use crate::check::found;
use crate::shown::{Raw, json};

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
/// As long as the name of a host may be.
const MAX_SUBDOMAIN: usize = 253;
const POD_CIDR_STAYS: &str = "node updates may not change podCIDR except from \"\" to valid";

pub(super) fn node(node: &Node) -> ErrorList {
    let Some(spec) = &node.spec else {
        return resources(node);
    };
    // Kubernetes tells taints at this path.
    let mut errors = taints(spec, &Path::new("metadata").child("taints"));
    errors.extend(resources(node));
    errors.extend(features(node));
    errors.extend(pod_cidrs(spec, &Path::new("spec").child("podCIDRs")));
    errors
}

pub(super) fn change(node: &Node, old: &Node) -> ErrorList {
    let mut errors = addresses(node);
    let (Some(new), Some(old)) = (&node.spec, &old.spec) else {
        return errors;
    };
    let path = Path::new("spec");
    let (cidrs, before) = (
        new.pod_cidrs.as_deref().unwrap_or_default(),
        old.pod_cidrs.as_deref().unwrap_or_default(),
    );
    if !before.is_empty() && cidrs != before {
        errors.push(Error::forbidden(&path.child("podCIDRs"), POD_CIDR_STAYS));
    }
    let id = |spec: &NodeSpec| spec.provider_id.clone().unwrap_or_default();
    if !id(old).is_empty() && id(new) != id(old) {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.push(Error::forbidden(&path.child("providerID"), detail));
    }
    // Told again: they were looked at as those of a node that is new.
    errors.extend(taints(new, &Path::new("metadata").child("taints")));
    if new.external_id.as_deref().unwrap_or_default()
        != old.external_id.as_deref().unwrap_or_default()
    {
        errors.push(Error::forbidden(
            &path.child("externalID"),
            "may not be updated",
        ));
    }
    errors
}

fn taints(spec: &NodeSpec, path: &Path) -> ErrorList {
    let taints = spec.taints.as_deref().unwrap_or_default();
    let mut errors = ErrorList::new();
    for (at, taint) in taints.iter().enumerate() {
        let path = path.index(at);
        errors.extend(found(
            &taint.key,
            is_qualified_name(&taint.key),
            &path.child("key"),
        ));
        let value = taint.value.as_deref().unwrap_or_default();
        let findings = is_label_value(value);
        if !findings.is_empty() {
            errors.push(Error::invalid(
                &path.child("value"),
                value,
                findings.join(";"),
            ));
        }
        match taint.effect.as_str() {
            "" => errors.push(Error::required(&path.child("effect"), "")),
            effect if EFFECTS.contains(&effect) => {}
            effect => errors.push(Error::not_supported(&path.child("effect"), effect, EFFECTS)),
        }
        if taints[..at]
            .iter()
            .any(|other| other.key == taint.key && other.effect == taint.effect)
        {
            let duplicate = Error::duplicate(&path, shown_taint(taint));
            errors.push(Error {
                detail: "taints must be unique by key and effect pair".into(),
                ..duplicate
            });
        }
    }
    errors
}

fn shown_taint(taint: &Taint) -> Raw {
    let value = json(taint.value.as_deref().unwrap_or_default()).0;
    let (key, effect, added) = (
        json(&taint.key).0,
        json(&taint.effect).0,
        json(&taint.time_added).0,
    );
    Raw(format!(
        r#"{{"Key":{key},"Value":{value},"Effect":{effect},"TimeAdded":{added}}}"#
    ))
}

fn resources(node: &Node) -> ErrorList {
    let Some(status) = &node.status else {
        return ErrorList::new();
    };
    let path = Path::new("status");
    let mut errors = quantities(status.capacity.as_ref(), &path.child("capacity"));
    errors.extend(quantities(
        status.allocatable.as_ref(),
        &path.child("allocatable"),
    ));
    errors
}

fn quantities(resources: Option<&BTreeMap<String, Quantity>>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, Quantity(text)) in resources.into_iter().flatten() {
        let path = path.child(name);
        if text.starts_with('-') {
            errors.push(Error::invalid(
                &path,
                text.as_str(),
                "must be greater than or equal to 0",
            ));
        }
    }
    errors
}

/// The names of what the node can do, in order.
fn features(node: &Node) -> ErrorList {
    let status = node.status.as_ref();
    let features = status.and_then(|status| status.declared_features.as_deref());
    let features = features.unwrap_or_default();
    let path = Path::new("status").child("declaredFeatures");
    let mut errors = ErrorList::new();
    for (at, feature) in features.iter().enumerate() {
        let here = path.index(at);
        if let Some(before) = at.checked_sub(1).and_then(|before| features.get(before)) {
            match before.cmp(feature) {
                Ordering::Less => {}
                Ordering::Equal => errors.push(Error::duplicate(&here, feature.as_str())),
                Ordering::Greater => {
                    let detail = "list must be sorted alphabetically";
                    errors.push(Error::invalid(&here, feature.as_str(), detail));
                }
            }
        }
        if let Some(why) = unfit_feature(feature) {
            let detail = format!("invalid feature name {}: {why}", quote(feature));
            errors.push(Error::invalid(&here, feature.as_str(), detail));
        }
    }
    errors
}

fn unfit_feature(feature: &str) -> Option<String> {
    if feature.len() > MAX_SUBDOMAIN {
        return Some(format!("must be no more than {MAX_SUBDOMAIN} characters"));
    }
    let is_segment = |segment: &str| {
        segment.starts_with(|c: char| c.is_ascii_alphabetic())
            && segment.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let upper = feature.starts_with(|c: char| c.is_ascii_uppercase());
    if upper && feature.split('/').all(is_segment) {
        return None;
    }
    let shape = "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or \
        MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
    Some(shape.to_owned())
}

fn pod_cidrs(spec: &NodeSpec, path: &Path) -> ErrorList {
    let cidrs = spec.pod_cidrs.as_deref().unwrap_or_default();
    let mut errors: ErrorList = cidrs
        .iter()
        .enumerate()
        .flat_map(|(at, cidr)| is_valid_cidr(&path.index(at), cidr))
        .collect();
    let bad = |cidr: &String| parse_cidr_sloppy(cidr).is_none();
    if cidrs.len() > 1
        && let Some(at) = cidrs.iter().position(bad)
    {
        let bad = &cidrs[at];
        let detail = format!(
            "invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[{at}]: <nil> (invalid CIDR address: {bad})"
        );
        errors.push(Error::internal(path, detail));
    }
    let is_v6 = |cidr: &str| is_ipv6(cidr.split('/').next().unwrap_or_default());
    let dual = matches!(cidrs, [a, b] if is_v6(a) != is_v6(b));
    if cidrs.len() > 1 && !dual {
        errors.push(Error::invalid(
            path,
            json(cidrs),
            "may specify no more than one CIDR for each IP family",
        ));
    }
    errors
}

fn addresses(node: &Node) -> ErrorList {
    let addresses = node
        .status
        .as_ref()
        .and_then(|status| status.addresses.as_deref())
        .unwrap_or_default();
    let path = Path::new("status").child("addresses");
    let mut errors = ErrorList::new();
    for (at, address) in addresses.iter().enumerate() {
        if addresses[..at].contains(address) {
            let shown = format!(
                r#"{{"Type":{},"Address":{}}}"#,
                json(&address.type_).0,
                json(&address.address).0
            );
            errors.push(Error::duplicate(&path.index(at), Raw(shown)));
        }
    }
    errors
}
