//! What table cells have in common: names, ages and lists as `kubectl get` shows them.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use navarch_machinery::time::format;
use serde_json::Value;

use crate::def::Column;

/// The columns of a kind that shows nothing of its own.
pub const NAME_AND_AGE: &[Column] = &[NAME, AGE];
/// The columns of a kind that has no table of its own in Kubernetes.
pub const NAME_AND_CREATION: &[Column] = &[NAME, Column::of("Created At", "date", "", 0, CREATION)];
/// The first column of every table.
pub const NAME: Column = Column::of(
    "Name",
    "string",
    "name",
    0,
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to \
     request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and \
     configuration definition. Cannot be updated. More info: \
     https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
);
/// The age column.
pub const AGE: Column = Column::of("Age", "string", "", 0, CREATION);
/// When the object was made.
pub const CREATED_AT: Column = Column::of("Created At", "date", "", 0, CREATION);

const CREATION: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in \
     happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in \
     UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
     https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The columns of a kind without a table of its own in Kubernetes.
pub const NAME_AND_CREATED_AT: &[Column] = &[NAME, CREATED_AT];

/// The cell of [`CREATED_AT`].
pub fn created_at(meta: &ObjectMeta) -> Value {
    serde_json::to_value(&meta.creation_timestamp).unwrap_or_default()
}

/// The cell of [`NAME`].
pub fn name(meta: &ObjectMeta) -> Value {
    Value::String(meta.name.clone().unwrap_or_default())
}

/// The cell of [`AGE`].
pub fn age(meta: &ObjectMeta, now: Timestamp) -> Value {
    Value::String(since(meta.creation_timestamp.as_ref(), now))
}

/// The cell of the second column of [`NAME_AND_CREATION`].
pub fn created(meta: &ObjectMeta) -> Value {
    let time = meta.creation_timestamp.as_ref();
    Value::String(time.map(format).unwrap_or_default())
}

/// At most three members, and how many more there are: `a,b,c + 2 more...`.
pub fn first_three(mut members: Vec<String>) -> String {
    const SHOWN: usize = 3;
    let more = members.len().saturating_sub(SHOWN);
    members.truncate(SHOWN);
    let shown = members.join(",");
    if more == 0 {
        shown
    } else {
        format!("{shown} + {more} more...")
    }
}

/// The time since `time` as people read it, or `<unknown>`.
pub fn since(time: Option<&Time>, now: Timestamp) -> String {
    match time {
        Some(time) => duration(now.as_second() - time.0.as_second()),
        None => "<unknown>".to_owned(),
    }
}

/// Seconds in at most two units, as `kubectl get` shortens them: `90s`, `5m10s`, `3h`, `2d3h`, `400d`, `3y40d`.
pub fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match seconds {
        i64::MIN..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, "h", s / MINUTE % 60, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, "d", s / HOUR % 24, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, "y", s / DAY % 365, "d"),
        s => format!("{}y", s / YEAR),
    }
}
