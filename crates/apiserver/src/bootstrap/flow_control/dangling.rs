//! Whether the level that a schema names is there.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1::{
    FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration,
};
use navarch_machinery::time::seconds;

const DANGLING: &str = "Dangling";

/// The condition that a schema is to get, if it does not have it.
pub(super) fn news(
    schema: &FlowSchema,
    levels: &[Arc<PriorityLevelConfiguration>],
    now: Timestamp,
) -> Option<FlowSchemaCondition> {
    let level = &schema.spec.as_ref()?.priority_level_configuration.name;
    let there = levels
        .iter()
        .any(|it| it.metadata.name.as_ref() == Some(level));
    let (status, reason, and) = if there {
        ("False", "Found", "and it exists")
    } else {
        ("True", "NotFound", "but there is no such object")
    };
    let message = format!(
        "This FlowSchema references the PriorityLevelConfiguration object named {level:?} {and}"
    );
    let wanted = FlowSchemaCondition {
        type_: Some(DANGLING.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(seconds(now)),
    };
    let conditions = schema.status.as_ref().and_then(|it| it.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let is = conditions.find(|condition| condition.type_ == wanted.type_);
    let same = is.is_some_and(|is| {
        (&is.status, &is.reason, &is.message) == (&wanted.status, &wanted.reason, &wanted.message)
    });
    (!same).then_some(wanted)
}
