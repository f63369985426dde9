//! Chains that verdicts lead to: what is the same for many services. Pure.

use std::fmt::Write as _;

use super::element::{Frontend, Key, Scope, SourceRule, Value};
use super::layout::{Layout, words};

/// The chain that a verdict leads to; `None` where the value is no such verdict.
pub(crate) fn chain(key: &Key, value: &Value) -> Option<String> {
    Some(match value {
        Value::Choose { count, sticky } => {
            let sticky = if *sticky { "-sticky" } else { "" };
            format!("choose-{}-{count}{sticky}", key.set())
        }
        Value::Remember(seconds) => format!("{}-{seconds}", key.set()),
        Value::Source(SourceRule::Pods) => "source-pods".to_owned(),
        Value::Source(SourceRule::Nobody) => "source-nobody".to_owned(),
        Value::Source(SourceRule::Others) => "source-others".to_owned(),
        Value::Reject => "refuse".to_owned(),
        Value::Present | Value::Endpoint(_) | Value::Drop => return None,
    })
}

/// The statements that make a verdict's chain, if it is none of those that are always there. What is in it already is replaced by the
/// same.
pub(crate) fn chain_text(layout: &Layout, key: &Key, value: &Value) -> Option<String> {
    let family = key.family();
    let rules = match (key, value) {
        (Key::Dispatch(scope, frontend), Value::Choose { count, sticky }) => {
            choose(*scope, frontend, *count, *sticky)
        }
        (Key::Remember(frontend), Value::Remember(seconds)) => remember(frontend, *seconds),
        _ => return None,
    };
    let (table, name) = (&layout.table, chain(key, value)?);
    let mut text =
        format!("add chain {family} {table} {name}\nflush chain {family} {table} {name}\n");
    for rule in rules {
        let _ = writeln!(text, "add rule {family} {table} {name} {rule}");
    }
    Some(text)
}

/// What a frontend's keys consist of, and the map of its clients' endpoints.
struct Parts {
    ip: &'static str,
    frontend: String,
    affinity: &'static str,
}

fn parts(frontend: &Frontend) -> Parts {
    let ip = words(frontend.family()).ip;
    match frontend {
        Frontend::Address(..) => Parts {
            ip,
            frontend: format!("{ip} daddr . meta l4proto . th dport"),
            affinity: "affinity",
        },
        Frontend::NodePort(..) => Parts {
            ip,
            frontend: "meta l4proto . th dport".to_owned(),
            affinity: "node-port-affinity",
        },
    }
}

fn choose(scope: Scope, frontend: &Frontend, count: u32, sticky: bool) -> Vec<String> {
    let endpoints = Key::Endpoint(scope, *frontend, 0).set();
    let Parts {
        ip,
        frontend,
        affinity,
    } = parts(frontend);
    let mut rules = Vec::new();
    if sticky {
        rules.push(format!("dnat to {ip} saddr . {frontend} map @{affinity}"));
    }
    rules.push(format!(
        "dnat to numgen random mod {count} . {frontend} map @{endpoints}"
    ));
    rules
}

/// Notes which endpoint the client was sent to, anew with every connection. By now the packet is on its way there.
fn remember(frontend: &Frontend, seconds: u32) -> Vec<String> {
    let Parts {
        ip,
        frontend,
        affinity,
    } = parts(frontend);
    let original = frontend
        .replace(&format!("{ip} daddr"), &format!("ct original {ip} daddr"))
        .replace("th dport", "ct original proto-dst");
    let rule = |protocol: &str| {
        format!(
            "meta l4proto {protocol} update @{affinity} {{ ct original {ip} saddr . {original} timeout {seconds}s : {ip} daddr . th dport }}"
        )
    };
    ["tcp", "udp", "sctp"].map(rule).to_vec()
}
