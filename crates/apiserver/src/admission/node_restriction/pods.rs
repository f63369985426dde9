//! Pods: a node reports those that it runs by itself, tells how its own are, and deletes and evicts no others.

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};
use navarch_api::strategy::Part;
use navarch_auth::UserInfo;
use navarch_auth::node::{Kind, MIRROR_POD, needs};
use navarch_machinery::status::{Result, StatusError};

use super::{Operation, Write};

fn node_of(pod: &Pod) -> &str {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.node_name.as_deref())
        .unwrap_or_default()
}

pub(super) fn check(write: &Write<'_>) -> Result<()> {
    let Some(pod) = write.object.as_any().downcast_ref::<Pod>() else {
        return Ok(());
    };
    let node = write.node;
    match write.attributes.operation {
        Operation::Create => check_creation(write, pod),
        Operation::Delete if node_of(pod) == node => Ok(()),
        Operation::Delete => Err(write.forbidden(format!(
            "node {node:?} can only delete pods with spec.nodeName set to itself"
        ))),
        Operation::Update(Part::Status) => check_status(write),
        Operation::Update(Part::Other(part)) => Err(write.forbidden(format!(
            "unexpected pod subresource {part:?}, only 'status' and 'eviction' are allowed"
        ))),
        Operation::Update(Part::Main) => Err(write.forbidden(format!(
            "unexpected operation \"UPDATE\", node {node:?} can only create and delete mirror pods"
        ))),
    }
}

fn check_creation(write: &Write<'_>, pod: &Pod) -> Result<()> {
    let node = write.node;
    let annotations = pod.metadata.annotations.as_ref();
    if !annotations.is_some_and(|all| all.contains_key(MIRROR_POD)) {
        return Err(write.forbidden(format!(
            "pod does not have {MIRROR_POD:?} annotation, node {node:?} can only create mirror pods"
        )));
    }
    if node_of(pod) != node {
        return Err(write.forbidden(format!(
            "node {node:?} can only create pods with spec.nodeName set to itself"
        )));
    }
    check_owner(write, pod)?;
    match referenced(pod) {
        None => Ok(()),
        Some(what) => Err(write.forbidden(format!(
            "node {node:?} can not create pods that reference {what}"
        ))),
    }
}

/// The node owns what it reports, so that it goes with the node.
fn check_owner(write: &Write<'_>, pod: &Pod) -> Result<()> {
    let node = write.node;
    let owners = pod.metadata.owner_references.as_deref();
    let only = |what: &str| {
        let why = format!("node {node:?} can only create pods with {what} set to itself");
        write.forbidden(why)
    };
    let owner = match owners.unwrap_or_default() {
        [] => return Err(only("an owner reference")),
        [owner] => owner,
        _ => return Err(only("a single owner reference")),
    };
    if (&*owner.api_version, &*owner.kind, &*owner.name) != ("v1", "Node", node) {
        return Err(only("an owner reference"));
    }
    if owner.controller != Some(true) {
        return Err(only("a controller owner reference"));
    }
    if owner.block_owner_deletion == Some(true) {
        return Err(write.forbidden(format!(
            "node {node:?} must not set blockOwnerDeletion on an owner reference"
        )));
    }
    let not_there = || StatusError::not_found("", "nodes", node);
    let served = write.attributes.directory.of::<Node>();
    let served = served.ok_or_else(not_there)?;
    let entry = write.attributes.snapshot.get(&served.key("", node));
    let entry = entry.ok_or_else(not_there)?;
    let there = served.decode(&entry)?;
    let uid = there.metadata().uid.as_deref().unwrap_or_default();
    if uid != owner.uid {
        let why = format!("node {node} UID mismatch: expected {} got {uid}", owner.uid);
        return Err(write.forbidden(why));
    }
    Ok(())
}

/// An object of the API that the pod names: what a node reports must name none, or it would see it.
fn referenced(pod: &Pod) -> Option<&'static str> {
    let spec = pod.spec.as_ref()?;
    // They are looked for as if the node had not reported the pod.
    let mut plain = pod.clone();
    plain.metadata.annotations = None;
    let needs = needs("", &plain);
    let has = |kind| needs.iter().any(|need| need.kind == kind);
    if has(Kind::ServiceAccount) {
        return Some("serviceaccounts");
    }
    if has(Kind::Secret) {
        return Some("secrets");
    }
    if has(Kind::ConfigMap) {
        return Some("configmaps");
    }
    if spec
        .resource_claims
        .as_ref()
        .is_some_and(|it| !it.is_empty())
    {
        return Some("resourceclaims");
    }
    in_volumes(spec)
}

fn in_volumes(spec: &PodSpec) -> Option<&'static str> {
    spec.volumes.iter().flatten().find_map(|volume| {
        let sources = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
        if volume.csi.is_some() {
            Some("csidrivers (via CSI volumes)")
        } else if volume.glusterfs.is_some() {
            Some("endpoints (via glusterFS volumes)")
        } else if volume.persistent_volume_claim.is_some() {
            Some("persistentvolumeclaims")
        } else if volume.ephemeral.is_some() {
            Some("persistentvolumeclaims (via ephemeral volumes)")
        } else {
            sources.into_iter().flatten().find_map(|source| {
                if source.service_account_token.is_some() {
                    Some("serviceaccounts (via projected volumes)")
                } else if source.cluster_trust_bundle.is_some() {
                    Some("clustertrustbundles")
                } else {
                    source.pod_certificate.as_ref().map(|_| "podcertificates")
                }
            })
        }
    })
}

fn check_status(write: &Write<'_>) -> Result<()> {
    let node = write.node;
    let Some((pod, old)) = write.both::<Pod>() else {
        return Ok(());
    };
    if node_of(old) != node {
        return Err(write.forbidden(format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        )));
    }
    let cannot = |what: &str| Err(write.forbidden(format!("node {node:?} cannot update {what}")));
    let labels = |pod: &Pod| pod.metadata.labels.clone().unwrap_or_default();
    if labels(pod) != labels(old) {
        return cannot("labels through pod status");
    }
    let status = |pod: &Pod| pod.status.clone().unwrap_or_default();
    let (new, old) = (status(pod), status(old));
    if new.resource_claim_statuses.unwrap_or_default()
        != old.resource_claim_statuses.unwrap_or_default()
    {
        return cannot("resource claim statues");
    }
    if new.extended_resource_claim_status != old.extended_resource_claim_status {
        return cannot("extended resource claim status");
    }
    Ok(())
}

/// Refuses the eviction of a pod that is not the node's, if a node evicts it.
pub(crate) fn check_eviction(user: &UserInfo, name: &str, pod: &Pod) -> Result<()> {
    match user.node_name() {
        Some(node) if node_of(pod) != node => {
            let why = format!("node {node} can only evict pods with spec.nodeName set to itself");
            Err(StatusError::forbidden("", "pods", name, &why))
        }
        _ => Ok(()),
    }
}
