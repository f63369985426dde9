//! The flow table, as text for `nft -f`. Pure.

use crate::nft::removal;

/// The transaction that makes it, in place of what was there. `bridge`: whose pods' connections go into it. `others`: the devices that packets come
/// and go by besides. Behind whatever drops what is forwarded: that is in no flow.
pub(super) fn ruleset<'a>(
    table: &str,
    bridge: &str,
    others: impl Iterator<Item = &'a str>,
) -> String {
    let table = format!("inet {table}");
    let bridge = format!("\"{bridge}\"");
    let devices = others.fold(bridge.clone(), |list, device| {
        format!("{list}, \"{device}\"")
    });
    let rule = |pods: &str, elsewhere: &str| {
        format!(
            "    meta l4proto tcp ct state established {pods} {bridge} {elsewhere} {{ {devices} }} flow add @flows\n"
        )
    };
    format!(
        "{}table {table} {{
  flowtable flows {{
    hook ingress priority 0; devices = {{ {devices} }};
  }}
  chain forward {{
    type filter hook forward priority 310; policy accept;
{}{}  }}
}}
",
        removal(&table),
        rule("iifname", "oifname"),
        rule("oifname", "iifname"),
    )
}
