//! Volume claims: a node tells how large one is, and nothing else.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use navarch_api::strategy::Part;
use navarch_machinery::status::Result;

use super::Write;

pub(super) fn check(write: &Write<'_>) -> Result<()> {
    let node = write.node;
    if write.part() != Some(Part::Status) {
        return Err(write.forbidden("may only update PVC status"));
    }
    match write.both::<PersistentVolumeClaim>() {
        Some((new, old)) if rest(new) != rest(old) => Err(write.forbidden(format!(
            "node {node:?} is not allowed to update fields other than status.quantity and status.conditions"
        ))),
        _ => Ok(()),
    }
}

/// What is not the node's to tell.
fn rest(claim: &PersistentVolumeClaim) -> PersistentVolumeClaim {
    let mut rest = claim.clone();
    rest.metadata.resource_version = None;
    rest.metadata.managed_fields = None;
    let status = rest.status.get_or_insert_default();
    status.capacity = None;
    status.conditions = None;
    status.allocated_resource_statuses = None;
    status.allocated_resources = None;
    rest
}
