//! The tables of policies, as text for `nft -f`: maps, and rules that look into them, always the same. Pure.
//!
//! Forwarded packets alone are looked at: what a pod sends to its node, and what the node sends to it, is always let through, but for what is
//! asked of cluster DNS ([`super::dns`]). Of those, only the ones that begin a connection: answers, and what goes on, belong to what was allowed. A service's address is an endpoint's by then, and
//! a client's address still its own.
//!
//! A connection's packet without its beginning begins none: it is of one that was cut. Were it let through from the end that may connect to
//! the other, the connection would go on as one in the other direction.
//!
//! Each end is looked at in a chain of its own, one after the other: what one lets through comes to the next. A verdict jumps: to the chain
//! of the peer's identity, from there to that of the ports that it may use, and there the packet is let through, or comes back and is looked
//! up by its peer's address. Those chains are [`super::chains`]. One end's never lead to the other's: a kernel that looks through all that a
//! verdict can lead to, at each change, would look through as many ways as there are of one times those of the other.

use super::chains;
use super::element::{Key, Value};
use super::encode;
use crate::family::Family;
use crate::netfilter::chains::Rule;
use crate::netfilter::elements::Element;
use crate::netfilter::tables::{self, Record};

/// What comes and goes: the maps and sets, each with its type. `ADDRESS` is the family's, and `NUMBER` any of 32 bits.
const SETS: [(&str, &str); 12] = [
    ("isolated", "ADDRESS"),
    ("itself", "ADDRESS . ADDRESS"),
    ("ingress-isolated", "ADDRESS"),
    ("egress-isolated", "ADDRESS"),
    ("ingress-identities", "ADDRESS : verdict"),
    ("egress-identities", "ADDRESS : verdict"),
    ("ingress-pairs", "NUMBER . ADDRESS : verdict"),
    ("egress-pairs", "NUMBER . ADDRESS : verdict"),
    (
        "ingress-blocks",
        "ADDRESS . ADDRESS : verdict; flags interval",
    ),
    (
        "egress-blocks",
        "ADDRESS . ADDRESS : verdict; flags interval",
    ),
    ("here", "ADDRESS . inet_proto . inet_service"),
    (
        "ports",
        "NUMBER . inet_proto . inet_service; flags interval",
    ),
];
/// Their names alone.
const NAMES: [&str; SETS.len()] = {
    let mut names = [""; SETS.len()];
    let mut index = 0;
    while index < SETS.len() {
        names[index] = SETS[index].0;
        index += 1;
    }
    names
};

/// Chains that are always there; the first three are those that packets come to by themselves.
const CHAINS: [&str; 7] = [
    "from-pods",
    "to-pods",
    "to-node",
    "egress",
    "ingress",
    "egress-allowed",
    "ingress-allowed",
];

/// The tables of policies, whose names begin with this.
pub(crate) struct Layout(pub(crate) String);

impl tables::Layout for Layout {
    type Record = (Key, Value);
    const SETS: &'static [&'static str] = &NAMES;
    const FIXED: &'static [&'static str] = &[];

    fn name(&self) -> &str {
        &self.0
    }

    fn declaration(&self, table: &str, family: Family) -> String {
        declaration(table, family)
    }

    fn form(family: Family) -> String {
        declaration("", family)
    }

    fn is_of_verdict(name: &str) -> bool {
        chains::is_of_verdict(name)
    }
}

impl Record for (Key, Value) {
    fn family(&self) -> Family {
        self.0.family()
    }

    fn element(&self) -> Element {
        encode::element(&self.0, &self.1)
    }

    fn chain(&self) -> Option<(String, Vec<Rule>)> {
        let (key, value) = self;
        Some((chains::chain(key, value)?, vec![chains::rule(key, value)?]))
    }
}

/// The transaction that makes the table what it is to be, with the elements and the chains of verdicts that are in it left there.
fn declaration(table: &str, family: Family) -> String {
    let (ip, address) = match family {
        Family::V4 => ("ip", "ipv4_addr"),
        Family::V6 => ("ip6", "ipv6_addr"),
    };
    let sets = SETS.map(|(name, kind)| {
        let word = if kind.contains(" : ") { "map" } else { "set" };
        let kind = kind.replace("ADDRESS", address).replace("NUMBER", "mark");
        format!("  {word} {name} {{ type {kind}; }}\n")
    });
    let midway = "tcp flags & (fin | syn | rst | ack) != syn";
    let [from_pods, to_pods, to_node, others @ ..] = CHAINS;
    let declared = others.map(|chain| format!("  chain {chain} {{ }}\n"));
    let flushed = CHAINS.map(|chain| format!("flush chain {family} {table} {chain}\n"));
    format!(
        "table {family} {table} {{
{sets}  chain {from_pods} {{ type filter hook forward priority 0; policy accept; }}
  chain {to_pods} {{ type filter hook forward priority 1; policy accept; }}
  chain {to_node} {{ type filter hook input priority 0; policy accept; }}
{declared}}}
{flushed}table {family} {table} {{
  chain {from_pods} {{
    ct state established,related accept
    {ip} saddr @isolated {midway} drop
    {ip} daddr @isolated {midway} drop
    {ip} saddr . {ip} daddr @itself accept
    {ip} saddr @egress-isolated goto egress
  }}
  chain {to_pods} {{
    ct state established,related accept
    {ip} saddr . {ip} daddr @itself accept
    {ip} daddr @ingress-isolated goto ingress
  }}
  chain {to_node} {{
    ct state established,related accept
    {ip} daddr . meta l4proto . th dport @here {ip} saddr @egress-isolated goto egress
  }}
  chain egress {{
    {ip} daddr vmap @egress-identities
    {ip} saddr . {ip} daddr vmap @egress-blocks
    drop
  }}
  chain ingress {{
    {ip} saddr vmap @ingress-identities
    {ip} daddr . {ip} saddr vmap @ingress-blocks
    drop
  }}
  chain egress-allowed {{ accept; }}
  chain ingress-allowed {{ accept; }}
}}
",
        sets = sets.concat(),
        declared = declared.concat(),
        flushed = flushed.concat(),
    )
}
