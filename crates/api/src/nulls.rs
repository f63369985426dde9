//! Members that Kubernetes writes as `null` where there is nothing, and the types leave out.

use navarch_machinery::object::Object;
use serde_json::Value;

/// Puts `with` in the place of the first `what` that was written after `from`. Text inside of strings is not met: its quotes are
/// escaped there.
pub(crate) fn replace_first(out: &mut Vec<u8>, from: usize, what: &str, with: &str) {
    let written = out.get(from..).unwrap_or_default();
    let found = written
        .windows(what.len())
        .position(|bytes| bytes == what.as_bytes());
    if let Some(at) = found.map(|at| from + at) {
        out.splice(at..at + what.len(), with.bytes());
    }
}

/// Encodes an object. Where `is_timeless`, its conditions get null for what they have not of `times`.
pub(crate) fn encode_conditions(
    object: &dyn Object,
    is_timeless: bool,
    times: &[&str],
    out: &mut Vec<u8>,
) {
    if !is_timeless {
        object.encode(out);
        return;
    }
    let mut json = Vec::new();
    object.encode(&mut json);
    // What was just written can be read.
    let mut value: Value = serde_json::from_slice(&json).unwrap_or_default();
    let conditions = value
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut);
    for condition in conditions
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        for time in times {
            condition.entry(*time).or_insert(Value::Null);
        }
    }
    // Writing JSON to memory cannot fail.
    let _ = serde_json::to_writer(out, &value);
}
