//! Chains that verdicts lead to: what is the same for many services. Pure.

use super::element::{Frontend, Key, SourceRule, Value};
use super::encode::AFFINITY;
use crate::netfilter::chains::{Part, Rule};

/// What the keys of frontends consist of.
const ADDRESS: [Part; 3] = [Part::Destination, Part::Protocol, Part::Port];
const NODE_PORT: [Part; 2] = [Part::Protocol, Part::Port];
/// And what those of their clients do, when the packet is on its way.
const ORIGINAL_ADDRESS: [Part; 4] = [
    Part::OriginalSource,
    Part::OriginalDestination,
    Part::Protocol,
    Part::OriginalPort,
];
const ORIGINAL_NODE_PORT: [Part; 3] = [Part::OriginalSource, Part::Protocol, Part::OriginalPort];

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

/// The rules of a verdict's chain; `None` where it is one of those that are always there.
pub(crate) fn rules(key: &Key, value: &Value) -> Option<Vec<Rule>> {
    match (key, value) {
        (Key::Dispatch(scope, frontend), Value::Choose { count, sticky }) => {
            let (place, affinity) = match frontend {
                Frontend::Address(..) => (&ADDRESS[..], AFFINITY[0]),
                Frontend::NodePort(..) => (&NODE_PORT[..], AFFINITY[1]),
            };
            let send_on = |first: Part, map| Rule::SendOn {
                key: [&[first], place].concat(),
                map,
            };
            let before = sticky.then(|| send_on(Part::Source, affinity));
            let endpoints = Key::Endpoint(*scope, *frontend, 0).set();
            let drawn = send_on(Part::Random(*count), endpoints);
            Some(before.into_iter().chain([drawn]).collect())
        }
        // By now the packet is on its way to its endpoint. Every connection prolongs the time.
        (Key::Remember(frontend), Value::Remember(seconds)) => {
            let (key, map) = match frontend {
                Frontend::Address(..) => (ORIGINAL_ADDRESS.to_vec(), AFFINITY[0]),
                Frontend::NodePort(..) => (ORIGINAL_NODE_PORT.to_vec(), AFFINITY[1]),
            };
            let seconds = *seconds;
            Some(vec![Rule::Remember { key, map, seconds }])
        }
        _ => None,
    }
}
