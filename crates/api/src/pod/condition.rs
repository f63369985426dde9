//! Conditions of a pod.

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Sets a condition; its time moves where its status does.
pub(super) fn set(
    status: &mut PodStatus,
    type_: &str,
    value: &str,
    reason: Option<&str>,
    message: Option<&str>,
    now: Option<Time>,
) {
    let conditions = status.conditions.get_or_insert_default();
    let old = conditions
        .iter_mut()
        .find(|condition| condition.type_ == type_);
    let since = old
        .as_ref()
        .filter(|old| old.status == value)
        .map_or(now, |old| old.last_transition_time.clone());
    let new = PodCondition {
        type_: type_.to_owned(),
        status: value.to_owned(),
        reason: reason.map(str::to_owned),
        message: message.map(str::to_owned),
        last_transition_time: since,
        ..Default::default()
    };
    match old {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}
