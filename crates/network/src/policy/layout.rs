//! The tables of policies, as text for `nft -f`: maps, sets, and what comes before the look-ups. Pure.
//!
//! Forwarded packets alone are looked at: what a pod sends to its node, and what the node sends to it, is always let through. Of those, only
//! the ones that begin a connection: answers, and what goes on, belong to what was allowed. A service's address is an endpoint's by then, and
//! a client's address still its own.
//!
//! A connection's packet without its beginning begins none: it is of one that was cut. Were it let through from the end that may connect to
//! the other, the connection would go on as one in the other direction.

use crate::family::Family;

/// Chains that are jumped to; their rules are [`super::chains`].
pub(crate) const CHAINS: [&str; 3] = ["judge", "egress", "ingress"];

/// The transaction that makes the table what it is to be, with the elements and the rules of other chains that are in it left there. It is
/// refused where a table of that name has other maps.
pub(crate) fn declaration(table: &str, family: Family) -> String {
    let (ip, address) = match family {
        Family::V4 => ("ip", "ipv4_addr"),
        Family::V6 => ("ip6", "ipv6_addr"),
    };
    // A type of 16 octets.
    let id = "ipv6_addr";
    let midway = "tcp flags & (fin | syn | rst | ack) != syn";
    let chains = CHAINS
        .map(|chain| format!("  chain {chain} {{ }}\n"))
        .concat();
    format!(
        "table {family} {table} {{
  set isolated {{ type {address}; }}
  set itself {{ type {address} . {address}; }}
  map ingress-groups {{ type {address} : {id}; }}
  map egress-groups {{ type {address} : {id}; }}
  map identities {{ type {address} : {id}; }}
  map ingress-pairs {{ type {id} . {id} : {id}; }}
  map egress-pairs {{ type {id} . {id} : {id}; }}
  map ingress-blocks {{ type {id} . {address} : {id}; flags interval; }}
  map egress-blocks {{ type {id} . {address} : {id}; flags interval; }}
  set ports {{ type {id} . inet_proto . inet_service; flags interval; }}
{chains}  chain forward {{ type filter hook forward priority 0; policy accept; }}
}}
flush chain {family} {table} forward
table {family} {table} {{
  chain forward {{
    ct state established,related accept
    {ip} saddr @isolated {midway} drop
    {ip} daddr @isolated {midway} drop
    {ip} saddr . {ip} daddr @itself accept
    jump judge
  }}
}}
"
    )
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(table: &str, family: Family) -> String {
    format!("add table {family} {table}\ndelete table {family} {table}\n")
}
