//! Chains that verdicts lead to: an identity's, and a set of ports'. Each is one rule, which puts its number before what it looks up. Pure.
//!
//! `nft` does not write numbers into what is looked up. That is why these are chains at all: it does not read back a look-up of what was
//! looked up either, but ends itself at it (1.0.6).

use super::compiled::Direction;
use super::element::{Key, Value};
use crate::netfilter::chains::{Part, Rule};
use crate::netfilter::steps::Step;

/// The chain that a verdict leads to; `None` where the value is none.
pub(crate) fn chain(key: &Key, value: &Value) -> Option<String> {
    let direction = match direction(key)? {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    Some(match value {
        Value::Present => return None,
        Value::Identity(number) => format!("{direction}-identity-{number:08x}"),
        Value::Ports(number) => format!("{direction}-ports-{number:08x}"),
        Value::Everything => format!("{direction}-allowed"),
    })
}

/// Whether a chain of this name is one that a verdict led to, and not one that is always there.
pub(crate) fn is_of_verdict(name: &str) -> bool {
    name.contains("-identity-") || name.contains("-ports-")
}

/// The rule of a verdict's chain; `None` where it is one of those that are always there.
pub(crate) fn rule(key: &Key, value: &Value) -> Option<Rule> {
    let direction = direction(key)?;
    let steps = match value {
        Value::Present | Value::Everything => return None,
        Value::Identity(number) => {
            let (pod, pairs) = match direction {
                Direction::Ingress => (Part::Destination, "ingress-pairs"),
                Direction::Egress => (Part::Source, "egress-pairs"),
            };
            vec![
                Step::Load(Part::Constant(*number), 0),
                Step::Load(pod, 1),
                Step::Verdicts(pairs, 0),
            ]
        }
        Value::Ports(number) => vec![
            Step::Load(Part::Constant(*number), 0),
            Step::Load(Part::Protocol, 1),
            Step::Load(Part::Port, 2),
            Step::Set("ports", 0),
            Step::Accept,
        ],
    };
    Some(Rule::Steps(steps))
}

fn direction(key: &Key) -> Option<Direction> {
    match key {
        Key::Identity(direction, _) | Key::Pair(direction, ..) | Key::Block(direction, ..) => {
            Some(*direction)
        }
        Key::Isolated(_)
        | Key::Itself(_)
        | Key::IsolatedIn(..)
        | Key::Here(..)
        | Key::Ports(..) => None,
    }
}
