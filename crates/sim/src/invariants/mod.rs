//! What must hold at every revision, whatever goes wrong.

mod addresses;
mod available;
mod placement;
mod surge;

pub use addresses::UniqueAddresses;
pub use available::StaysAvailable;
pub use placement::{BoundOnce, FitsItsNode};
pub use surge::KeepsToSurge;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::witness::Invariant;

/// Those that hold even when nodes die.
pub fn always() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(BoundOnce),
        Box::new(FitsItsNode),
        Box::new(UniqueAddresses),
        Box::new(KeepsToSurge::default()),
    ]
}

/// Whether a pod will never run again.
pub(crate) fn is_over(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether a pod serves, and is not about to go.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The uid of the owner that acts on an object.
pub(crate) fn controller(meta: &ObjectMeta) -> Option<&str> {
    let mut owners = meta.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true));
    owner.map(|owner| owner.uid.as_str())
}

pub(crate) fn uid(meta: &ObjectMeta) -> &str {
    meta.uid.as_deref().unwrap_or_default()
}

/// How many pods a deployment wants.
pub(crate) fn replicas(deployment: &Deployment) -> i32 {
    let spec = deployment.spec.as_ref();
    spec.and_then(|spec| spec.replicas).unwrap_or(1)
}

/// How many more it may have, and how many of those it wants may be missing; a part is rounded up for the first, down for the second,
/// and both are never none.
pub(crate) fn surge_and_unavailable(deployment: &Deployment) -> (i32, i32) {
    let spec = deployment.spec.as_ref();
    let strategy = spec.and_then(|spec| spec.strategy.as_ref());
    let Some(rolling) = strategy.and_then(|strategy| strategy.rolling_update.as_ref()) else {
        return (0, replicas(deployment));
    };
    let part = |value: &Option<IntOrString>, up: bool| match value {
        Some(IntOrString::Int(count)) => *count,
        Some(IntOrString::String(text)) => {
            let percent: i32 = text.trim_end_matches('%').parse().unwrap_or(0);
            let exact = percent * replicas(deployment);
            if up { (exact + 99) / 100 } else { exact / 100 }
        }
        None => 0,
    };
    let (surge, unavailable) = (
        part(&rolling.max_surge, true),
        part(&rolling.max_unavailable, false),
    );
    (
        surge,
        if surge == 0 {
            unavailable.max(1)
        } else {
            unavailable
        },
    )
}
