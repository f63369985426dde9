//! Whether an answer is the recorded one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::normal::normal;
use super::recording::Step;

/// What differs between the recorded answer and the one that came, a line each; none if they match.
pub(super) fn compare(step: &Step, got: &Value) -> Vec<String> {
    let want = &step.response;
    if want["status"] != got["status"] {
        let message = got["body"].get("message").unwrap_or(&got["body"]);
        return vec![format!(
            "status: want {}, got {}: {}",
            want["status"],
            got["status"],
            short(message)
        )];
    }
    let mut out = Vec::new();
    if want.get("type").is_some_and(|kind| *kind != got["type"]) {
        out.push(format!(
            "content type: want {}, got {}",
            want["type"], got["type"]
        ));
    }
    let none = Value::Array(Vec::new());
    let warnings = |answer: &Value| answer.get("warnings").unwrap_or(&none).clone();
    if warnings(want) != warnings(got) {
        out.push(format!(
            "warnings: want {}, got {}",
            warnings(want),
            warnings(got)
        ));
    }
    if step.status_only {
        return out;
    }
    for part in ["body", "events"] {
        if let Some(want) = want.get(part) {
            let mut want = normal(want, step.managed_fields);
            let mut got = normal(&got[part], step.managed_fields);
            for path in &step.ignore {
                remove(&mut want, path);
                remove(&mut got, path);
            }
            differences(&want, &got, "", &mut out);
        }
    }
    out
}

/// Removes what a dotted path names; `*` stands for every member.
fn remove(value: &mut Value, path: &str) {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    match value {
        Value::Array(members) if !rest.is_empty() => {
            let one = head.parse::<usize>().ok();
            for (at, member) in members.iter_mut().enumerate() {
                if head == "*" || one == Some(at) {
                    remove(member, rest);
                }
            }
        }
        Value::Object(fields) => {
            let keys: Vec<String> = match head {
                "*" => fields.keys().cloned().collect(),
                _ => vec![head.to_owned()],
            };
            for key in keys {
                match fields.get_mut(&key) {
                    Some(below) if !rest.is_empty() => remove(below, rest),
                    _ => drop(fields.remove(&key)),
                }
            }
        }
        _ => {}
    }
}

fn differences(want: &Value, got: &Value, path: &str, out: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            let keys: BTreeSet<&String> = want.keys().chain(got.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (want.get(key), got.get(key)) {
                    (Some(want), Some(got)) => differences(want, got, &path, out),
                    (Some(want), None) => {
                        out.push(format!("{path}: missing, want {}", short(want)));
                    }
                    (_, Some(got)) => out.push(format!("{path}: not expected: {}", short(got))),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (at, (want, got)) in want.iter().zip(got).enumerate() {
                differences(want, got, &format!("{path}[{at}]"), out);
            }
        }
        _ if want == got => {}
        _ => out.push(format!("{path}: want {}, got {}", short(want), short(got))),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
