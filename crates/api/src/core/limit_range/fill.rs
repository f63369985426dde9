//! What containers get of a limit range where they say nothing, and the annotation that tells of it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, LimitRange, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::pod::absent::items_mut;

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

type Amounts = BTreeMap<String, Quantity>;

/// Gives containers and init containers the defaults of a limit range.
pub fn fill_in(range: &LimitRange, pod: &mut Pod) {
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for limit in range.spec.iter().flat_map(|spec| &spec.limits) {
        if limit.type_ == "Container" {
            requests.extend(limit.default_request.clone().unwrap_or_default());
            limits.extend(limit.default.clone().unwrap_or_default());
        }
    }
    let mut told = Vec::new();
    let spec = pod.spec.get_or_insert_default();
    for container in &mut spec.containers {
        told.extend(fill_container(container, "container", &requests, &limits));
    }
    for container in items_mut(&mut spec.init_containers) {
        told.extend(fill_container(
            container,
            "init container",
            &requests,
            &limits,
        ));
    }
    if !told.is_empty() {
        let told = format!("LimitRanger plugin set: {}", told.join("; "));
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(ANNOTATION.to_owned(), told);
    }
}

/// What is told of it: `cpu, memory request for container c`.
fn fill_container(
    container: &mut Container,
    sort: &str,
    requests: &Amounts,
    limits: &Amounts,
) -> Vec<String> {
    let resources = container.resources.get_or_insert_default();
    let mut told = Vec::new();
    for (list, defaults, what) in [
        (&mut resources.requests, requests, "request"),
        (&mut resources.limits, limits, "limit"),
    ] {
        let missing: Vec<(&String, &Quantity)> = defaults
            .iter()
            .filter(|(name, _)| !list.iter().flatten().any(|(known, _)| known == *name))
            .collect();
        if missing.is_empty() {
            continue;
        }
        let names: Vec<&str> = missing.iter().map(|(name, _)| name.as_str()).collect();
        told.push(format!(
            "{} {what} for {sort} {}",
            names.join(", "),
            container.name
        ));
        let added = missing
            .into_iter()
            .map(|(name, amount)| (name.clone(), amount.clone()));
        list.get_or_insert_default().extend(added);
    }
    told
}
