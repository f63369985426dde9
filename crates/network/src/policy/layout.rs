//! The tables of policies, as text for `nft -f`: maps, and rules that look into them, always the same. Pure.
//!
//! Forwarded packets alone are looked at: what a pod sends to its node, and what the node sends to it, is always let through. Of those, only
//! the ones that begin a connection: answers, and what goes on, belong to what was allowed. A service's address is an endpoint's by then, and
//! a client's address still its own.
//!
//! A connection's packet without its beginning begins none: it is of one that was cut. Were it let through from the end that may connect to
//! the other, the connection would go on as one in the other direction.
//!
//! A verdict jumps: to the chain of the peer's identity, from there to that of the ports that it may use, and there the packet is let through,
//! or comes back and is looked up by its peer's address. Those chains are [`super::chains`].

use super::chains::AFTER_EGRESS;
use crate::family::Family;

/// Chains that are always there.
const CHAINS: [&str; 6] = [
    "forward",
    AFTER_EGRESS,
    "egress",
    "ingress",
    "egress-allowed",
    "ingress-allowed",
];

/// The transaction that makes the table what it is to be, with the elements and the chains of verdicts that are in it left there. It is
/// refused where a table of that name has other maps.
pub(crate) fn declaration(table: &str, family: Family) -> String {
    let (ip, address) = match family {
        Family::V4 => ("ip", "ipv4_addr"),
        Family::V6 => ("ip6", "ipv6_addr"),
    };
    // Any number of 32 bits.
    let number = "mark";
    let midway = "tcp flags & (fin | syn | rst | ack) != syn";
    let [forward, others @ ..] = CHAINS;
    let declared = others.map(|chain| format!("  chain {chain} {{ }}\n"));
    let flushed = CHAINS.map(|chain| format!("flush chain {family} {table} {chain}\n"));
    format!(
        "table {family} {table} {{
  set isolated {{ type {address}; }}
  set itself {{ type {address} . {address}; }}
  set ingress-isolated {{ type {address}; }}
  set egress-isolated {{ type {address}; }}
  map ingress-identities {{ type {address} : verdict; }}
  map egress-identities {{ type {address} : verdict; }}
  map ingress-pairs {{ type {number} . {address} : verdict; }}
  map egress-pairs {{ type {number} . {address} : verdict; }}
  map ingress-blocks {{ type {address} . {address} : verdict; flags interval; }}
  map egress-blocks {{ type {address} . {address} : verdict; flags interval; }}
  set ports {{ type {number} . inet_proto . inet_service; flags interval; }}
  chain {forward} {{ type filter hook forward priority 0; policy accept; }}
{declared}}}
{flushed}table {family} {table} {{
  chain forward {{
    ct state established,related accept
    {ip} saddr @isolated {midway} drop
    {ip} daddr @isolated {midway} drop
    {ip} saddr . {ip} daddr @itself accept
    {ip} saddr @egress-isolated goto egress
    goto {AFTER_EGRESS}
  }}
  chain {AFTER_EGRESS} {{
    {ip} daddr @ingress-isolated goto ingress
    accept
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
  chain egress-allowed {{ goto {AFTER_EGRESS}; }}
  chain ingress-allowed {{ accept; }}
}}
",
        declared = declared.concat(),
        flushed = flushed.concat(),
    )
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(table: &str, family: Family) -> String {
    format!("add table {family} {table}\ndelete table {family} {table}\n")
}
