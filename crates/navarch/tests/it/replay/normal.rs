//! Makes equal what no two servers share: uids, times, resource versions, random endings of names, addresses from a pool.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Fields whose value says when or where, not what.
const VOLATILE: [&str; 22] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "time",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastHeartbeatTime",
    "startTime",
    "expirationTimestamp",
    "continue",
    "token",
    "remainingItemCount",
    "selfLink",
    "lastProbeTime",
    "buildDate",
    "gitCommit",
    "goVersion",
    "compiler",
    "platform",
    "gitVersion",
    "gitTreeState",
];

/// Replacements within texts, in this order.
static TEXTS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            "<uid>",
        ),
        (
            r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
            "<time>",
        ),
        (r"\b10\.96\.\d+\.\d+\b", "<cluster-ip>"),
        (
            r"\b(kube-api-access-|Bad_|gen-)[a-z0-9]{5}\b",
            "${1}<random>",
        ),
        (r"\b80:\d{5}/TCP", "80:<node-port>/TCP"),
    ]
    .into_iter()
    .map(|(pattern, by)| (Regex::new(pattern).unwrap(), by))
    .collect()
});

/// How old an object of a few seconds is, in a table.
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\d+s$").unwrap());

static REVISION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\(\d+\)").unwrap());

/// `value` with what differs between any two servers made equal; `managed` keeps `managedFields`.
pub(super) fn normal(value: &Value, managed: bool) -> Value {
    member(value, "", managed)
}

fn member(value: &Value, key: &str, managed: bool) -> Value {
    match value {
        Value::Object(fields) => object(fields, managed),
        Value::Array(members) => members.iter().map(|m| member(m, key, managed)).collect(),
        Value::String(_) | Value::Number(_) if key == "nodePort" => "<node-port>".into(),
        Value::String(text) => words(text, key).into(),
        other => other.clone(),
    }
}

fn object(fields: &serde_json::Map<String, Value>, managed: bool) -> Value {
    let mut out = serde_json::Map::new();
    for (key, value) in fields {
        if key == "managedFields" && !managed {
            continue;
        }
        let plain = !value.is_object() && !value.is_array();
        let volatile = VOLATILE.contains(&key.as_str());
        let made = if plain && volatile {
            "<any>".into()
        } else {
            member(value, key, managed)
        };
        out.insert(key.clone(), made);
    }
    if let (Some(Value::String(prefix)), Some(Value::String(_))) =
        (out.get("generateName"), out.get("name"))
    {
        let name = format!("{prefix}<random>");
        out.insert("name".into(), name.into());
    }
    out.into()
}

fn words(text: &str, key: &str) -> String {
    if key == "cells" && AGE.is_match(text) {
        return "<age>".to_owned();
    }
    let mut text = text.to_owned();
    for (pattern, by) in TEXTS.iter() {
        text = pattern.replace_all(&text, *by).into_owned();
    }
    if key == "message" {
        text = REVISION.replace_all(&text, "(<n>)").into_owned();
        // The difference that follows shows Go values, in no fixed order.
        text.truncate(text.find("\n@@").unwrap_or(text.len()));
    }
    text
}
