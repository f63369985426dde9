//! Chains that verdicts lead to: what is the same for many services. Pure.

use std::fmt::Write as _;

use super::element::{Frontend, Key, SourceRule, Value};
use super::encode::AFFINITY;
use super::layout::{Layout, words};
use crate::netfilter::chains::{Part, SendOn};

/// What the keys of frontends consist of.
const ADDRESS: [Part; 3] = [Part::Destination, Part::Protocol, Part::Port];
const NODE_PORT: [Part; 2] = [Part::Protocol, Part::Port];

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

/// The rules of a chain that chooses among endpoints; `None` where the value is none.
pub(crate) fn choosing(key: &Key, value: &Value) -> Option<Vec<SendOn>> {
    let (Key::Dispatch(scope, frontend), Value::Choose { count, sticky }) = (key, value) else {
        return None;
    };
    let (place, affinity) = match frontend {
        Frontend::Address(..) => (&ADDRESS[..], AFFINITY[0]),
        Frontend::NodePort(..) => (&NODE_PORT[..], AFFINITY[1]),
    };
    let send_on = |first: Part, map| SendOn {
        key: [&[first], place].concat(),
        map,
    };
    let before = sticky.then(|| send_on(Part::Source, affinity));
    let endpoints = Key::Endpoint(*scope, *frontend, 0).set();
    let drawn = send_on(Part::Random(*count), endpoints);
    Some(before.into_iter().chain([drawn]).collect())
}

/// The statements that make a chain that remembers; `None` where the value is none. What is in it already is replaced by the same. By
/// now the packet is on its way to its endpoint, and every connection prolongs the time.
pub(crate) fn remembering(layout: &Layout, key: &Key, value: &Value) -> Option<String> {
    let (Key::Remember(frontend), Value::Remember(seconds)) = (key, value) else {
        return None;
    };
    let (family, table, name) = (key.family(), &layout.table, chain(key, value)?);
    let ip = words(family).ip;
    let (place, affinity) = match frontend {
        Frontend::Address(..) => (
            format!("ct original {ip} daddr . meta l4proto"),
            AFFINITY[0],
        ),
        Frontend::NodePort(..) => ("meta l4proto".to_owned(), AFFINITY[1]),
    };
    let mut text =
        format!("add chain {family} {table} {name}\nflush chain {family} {table} {name}\n");
    for protocol in ["tcp", "udp", "sctp"] {
        let _ = writeln!(
            text,
            "add rule {family} {table} {name} meta l4proto {protocol} update @{affinity} {{ ct original {ip} saddr . {place} . ct original proto-dst timeout {seconds}s : {ip} daddr . th dport }}"
        );
    }
    Some(text)
}
