//! What the pods that a node reports of itself may not name: they would give the node what is not its own.

use k8s_openapi::api::core::v1::Pod;
use navarch_api::pod::secret_names;
use navarch_auth::node::MIRROR_POD;

/// Whether a pod says that its node made it.
pub(super) fn is_mirror(pod: &Pod) -> bool {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| annotations.contains_key(MIRROR_POD))
}

/// What speaks against one.
pub(super) fn objection(pod: &Pod) -> Option<&'static str> {
    let spec = pod.spec.as_ref()?;
    let account = spec.service_account_name.as_deref().unwrap_or_default();
    if !account.is_empty() {
        return Some("a mirror pod may not reference service accounts");
    }
    if !secret_names(spec).is_empty() {
        return Some("a mirror pod may not reference secrets");
    }
    let volumes = spec.volumes.iter().flatten();
    let mut sources = volumes
        .filter_map(|volume| volume.projected.as_ref())
        .flat_map(|projected| projected.sources.iter().flatten());
    sources
        .any(|source| source.service_account_token.is_some())
        .then_some("a mirror pod may not use ServiceAccountToken volume projections")
}
