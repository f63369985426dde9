//! The rules that judge a packet: always the same. Pure.

use super::compiled::Direction;
use super::layout::CHAINS;
use crate::netfilter::chains::{Part, Rule};
use crate::netfilter::steps::{Step, Verdict};

/// Where a name of 16 octets, and what comes behind it, is put.
const FIRST: u32 = 0;
const SECOND: u32 = 4;

/// The chains with their rules, by name.
pub(crate) fn rules() -> [(&'static str, Vec<Rule>); 3] {
    let [judge, egress, ingress] = CHAINS;
    // The look-up is only whether the pod is isolated; which group it is in is looked up again where it is of use.
    let isolated = |direction, chain| {
        let steps = [group(direction), vec![Step::Verdict(Verdict::Jump(chain))]];
        Rule::Steps(steps.concat())
    };
    let both = vec![
        isolated(Direction::Egress, egress),
        isolated(Direction::Ingress, ingress),
    ];
    [
        (judge, both),
        (egress, of(Direction::Egress)),
        (ingress, of(Direction::Ingress)),
    ]
}

/// Back if the peer may by what pod it is, back if it may by its address, and dropped otherwise.
fn of(direction: Direction) -> Vec<Rule> {
    let (peer, pairs, blocks) = match direction {
        Direction::Ingress => (Part::Source, "ingress-pairs", "ingress-blocks"),
        Direction::Egress => (Part::Destination, "egress-pairs", "egress-blocks"),
    };
    let by_identity = vec![
        Step::Load(peer, SECOND),
        Step::Map("identities", SECOND),
        Step::Map(pairs, FIRST),
    ];
    let by_address = vec![Step::Load(peer, SECOND), Step::Map(blocks, FIRST)];
    let ports = vec![
        Step::Load(Part::Protocol, SECOND),
        Step::Load(Part::Port, SECOND + 1),
        Step::Set("ports", FIRST),
        Step::Verdict(Verdict::Return),
    ];
    let rule = |found: Vec<Step>| Rule::Steps([group(direction), found, ports.clone()].concat());
    vec![
        rule(by_identity),
        rule(by_address),
        Rule::Steps(vec![Step::Verdict(Verdict::Drop)]),
    ]
}

/// The group of the pod that is judged for.
fn group(direction: Direction) -> Vec<Step> {
    let (pod, groups) = match direction {
        Direction::Ingress => (Part::Destination, "ingress-groups"),
        Direction::Egress => (Part::Source, "egress-groups"),
    };
    vec![Step::Load(pod, FIRST), Step::Map(groups, FIRST)]
}
