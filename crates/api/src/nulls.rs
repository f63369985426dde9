//! Members that Kubernetes writes as `null` where there is nothing, and the types leave out.

use navarch_machinery::object::Object;
use serde::Serialize;

/// Puts `with` in the place of the first `what` that was written after `from`. Text inside of strings is not met: its quotes are
/// escaped there.
pub(crate) fn replace_first(
    out: &mut Vec<u8>,
    from: usize,
    what: impl AsRef<[u8]>,
    with: impl AsRef<[u8]>,
) {
    let (what, with) = (what.as_ref(), with.as_ref());
    let written = out.get(from..).unwrap_or_default();
    let found = written.windows(what.len()).position(|bytes| bytes == what);
    if let Some(at) = found.map(|at| from + at) {
        out.splice(at..at + what.len(), with.iter().copied());
    }
}

/// Encodes an object whose status has `conditions`, which get null for what they have not of `times`.
pub(crate) fn encode_conditions<C: Serialize>(
    object: &dyn Object,
    conditions: &[C],
    times: &[&str],
    out: &mut Vec<u8>,
) {
    let from = out.len();
    object.encode(out);
    let (mut plain, mut timed) = (MEMBER.to_vec(), MEMBER.to_vec());
    for (at, condition) in conditions.iter().enumerate() {
        let open: &[u8] = if at == 0 { b"[" } else { b"," };
        plain.extend_from_slice(open);
        timed.extend_from_slice(open);
        let begin = plain.len();
        // Writing JSON to memory cannot fail.
        let _ = serde_json::to_writer(&mut plain, condition);
        append_timed(&plain[begin..], times, &mut timed);
    }
    if plain.len() != timed.len() {
        replace_first(out, from, &plain, &timed);
    }
}

const MEMBER: &[u8] = br#""conditions":"#;

/// Appends a condition, an object whose members are all plain, with null for what it has not of `times`.
fn append_timed(condition: &[u8], times: &[&str], out: &mut Vec<u8>) {
    let Some((open, members)) = condition.split_first() else {
        return;
    };
    out.push(*open);
    for time in times {
        let member = format!("\"{time}\":");
        if !members
            .windows(member.len())
            .any(|bytes| bytes == member.as_bytes())
        {
            out.extend_from_slice(member.as_bytes());
            out.extend_from_slice(b"null");
            if members != b"}" {
                out.push(b',');
            }
        }
    }
    out.extend_from_slice(members);
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Pod, PodStatus};
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_get_null_for_the_times_that_they_have_not() {
        let status: PodStatus = serde_json::from_value(json!({"conditions": [
            {"type": "A", "status": "True", "message": "a \"lastProbeTime\": b, [{"},
            {"type": "B", "status": "True", "lastProbeTime": "2026-01-01T00:00:00Z"},
        ]}))
        .unwrap();
        let conditions = status.conditions.clone().unwrap();
        let pod = Pod {
            status: Some(status),
            ..Pod::default()
        };
        let mut json = b"before".to_vec();
        encode_conditions(&pod, &conditions, &["lastProbeTime"], &mut json);
        let value: serde_json::Value = serde_json::from_slice(&json[6..]).unwrap();
        let mut expected = serde_json::to_value(&pod).unwrap();
        expected["status"]["conditions"][0]["lastProbeTime"] = json!(null);
        assert_eq!(value, expected);
        assert!(
            value["status"]["conditions"][0]
                .get("lastProbeTime")
                .is_some()
        );
    }
}
