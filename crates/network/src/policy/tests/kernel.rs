//! The kernel takes what is planned, of both families, and has then what was planned.

use super::*;
use crate::namespace::tests::in_a_namespace;
use crate::policy::kernel::Kernel;
use std::process::Command;

/// Everything that a policy can say.
fn everything() -> World {
    let mut world = World::default();
    world.namespace("shop", &json!({"team": "shop"}));
    let ips = ["10.0.0.1", "fd00::1"];
    let pod = world.pod("shop", &json!({"app": "web"}), &ips, web_ports());
    world.local.push(pod);
    world.pod(
        "shop",
        &json!({"app": "db"}),
        &["10.0.0.2", "fd00::2"],
        web_ports(),
    );
    let peers = json!([
        {"podSelector": {}}, {"namespaceSelector": {"matchLabels": {"team": "shop"}}},
        {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}},
        {"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}},
    ]);
    let ports = json!([
        {"port": 80}, {"port": 32000, "endPort": 32768}, {"port": "http"}, {"protocol": "SCTP"}, {"port": 53, "protocol": "UDP"},
    ]);
    let spec = json!({
        "podSelector": {}, "ingress": [{"from": peers, "ports": ports}, {"from": [peers[0]]}],
        "egress": [{"to": peers, "ports": ports}, {"ports": [ports[0]]}],
    });
    world.policy("shop", "policy", spec);
    world
}

fn nft(arguments: &str) -> String {
    let output = Command::new("nft")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A table, as `ip policies-0123abcd`: what follows its name is how it is laid out.
fn table(family: &str) -> String {
    let tables = nft("list tables");
    let mut tables = tables
        .lines()
        .filter_map(|line| line.strip_prefix("table "));
    let start = format!("{family} policies-");
    let table = tables.find(|table| table.starts_with(&start)).unwrap();
    table.to_owned()
}

#[test]
fn the_kernel_has_what_was_planned() {
    in_a_namespace(|| {
        let mut kernel = Kernel::open("policies").unwrap();
        let wanted = everything().plan();
        kernel.replace(&wanted).unwrap();
        let ports = nft(&format!("list set {} ports", table("ip6")));
        let pairs = nft(&format!("list map {} ingress-pairs", table("ip")));
        assert!(ports.contains("tcp . 32000-32768"), "{ports}");
        assert!(pairs.contains("10.0.0.1 : jump ingress-allowed"), "{pairs}");
        let rules = nft("list ruleset");
        // What is there is known again, element by element; and the rules are there once.
        kernel.replace(&wanted).unwrap();
        assert_eq!(nft("list ruleset"), rules);
        let all = wanted.iter().map(|(key, value)| (*key, *value)).collect();
        kernel.change(&(all, vec![])).unwrap();
        let rules = nft("list ruleset");
        assert!(!rules.contains("elements") && rules.contains("ingress-identity-"));
        // Chains that nothing leads to go with the next comparison.
        let one = wanted.iter().take(1);
        let one: Elements = one.map(|(key, value)| (*key, *value)).collect();
        kernel.replace(&one).unwrap();
        let rules = nft("list ruleset");
        assert!(!rules.contains("-identity-") && !rules.contains("-ports-"));
        kernel.replace(&Elements::new()).unwrap();
        assert!(!nft("list ruleset").contains("policies"));
    });
}

/// Of one end's chains none leads to the other's: kernels that walk all ways through them have no product to walk.
#[test]
fn what_is_said_of_one_end_leads_to_nothing_of_the_other() {
    in_a_namespace(|| {
        Kernel::open("policies")
            .unwrap()
            .replace(&everything().plan())
            .unwrap();
        let listed = nft(&format!("list table {}", table("ip")));
        let mut of = "";
        let mut leading = 0;
        for line in listed.lines().map(str::trim) {
            if let Some(name) = ["chain ", "map "]
                .iter()
                .find_map(|word| line.strip_prefix(word))
            {
                of = name;
            }
            let is_leading = ["goto ", "jump "].iter().any(|word| line.contains(word));
            for (own, other) in [("egress", "ingress"), ("ingress", "egress")] {
                // `ingress` has `gress` in it, and not `egress`.
                if of.starts_with(own) && is_leading {
                    leading += 1;
                    let is_of_other = line.contains(&format!(" {other}-"));
                    assert!(!is_of_other && !line.ends_with(other), "{of}: {line}");
                }
            }
        }
        assert!(leading > 4, "{listed}");
    });
}

#[test]
fn what_others_change_is_told_from_what_is_as_it_was_made() {
    in_a_namespace(|| {
        let mut kernel = Kernel::open("policies").unwrap();
        let wanted = everything().plan();
        assert!(!kernel.is_intact(&wanted).unwrap());
        kernel.replace(&wanted).unwrap();
        let rules = nft("list ruleset");
        // To look changes nothing, however often.
        for _ in 0..2 {
            assert!(kernel.is_intact(&wanted).unwrap());
            assert_eq!(nft("list ruleset"), rules);
        }
        let (v4, v6) = (table("ip"), table("ip6"));
        for meddling in [
            "flush ruleset".to_owned(),
            format!("delete table {v6}"),
            format!("flush chain {v4} from-pods"),
            format!("flush chain {v4} ingress-allowed"),
            format!("insert rule {v4} to-pods accept"),
            format!("add chain {v4} mine"),
            format!("flush set {v6} isolated"),
            format!("add table {v4} {{ flags dormant ; }}"),
        ] {
            nft(&meddling);
            assert!(!kernel.is_intact(&wanted).unwrap(), "{meddling}");
            kernel.replace(&wanted).unwrap();
            assert!(kernel.is_intact(&wanted).unwrap(), "{meddling}");
        }
    });
}

/// Chains come by changes too, and of that nobody is to be told as of something that others did.
#[test]
fn what_we_change_is_known() {
    in_a_namespace(|| {
        let mut kernel = Kernel::open("policies").unwrap();
        let wanted = everything().plan();
        let (mut some, mut later) = (Elements::new(), Vec::new());
        for (key, value) in &wanted {
            match crate::policy::chains::chain(key, value) {
                Some(_) => later.push((*key, *value)),
                None => drop(some.insert(*key, *value)),
            }
        }
        let change = (vec![], later);
        kernel.replace(&some).unwrap();
        kernel.change(&change).unwrap();
        assert!(kernel.is_intact(&wanted).unwrap());
        // But what others did before is seen all the same.
        for meddling in ["flush chain TABLE from-pods", "add chain TABLE mine"] {
            kernel.replace(&some).unwrap();
            nft(&meddling.replace("TABLE", &table("ip")));
            kernel.change(&change).unwrap();
            assert!(!kernel.is_intact(&wanted).unwrap(), "{meddling}");
        }
    });
}

/// The first policies of a node, and the first of a family, come by changes: their tables are known from then on.
#[test]
fn tables_that_a_change_has_made_are_known() {
    in_a_namespace(|| {
        let mut kernel = Kernel::open("policies").unwrap();
        kernel.replace(&Elements::new()).unwrap();
        let wanted = everything().plan();
        let (v4, v6): (Vec<_>, Vec<_>) = wanted
            .iter()
            .map(|(key, value)| (*key, *value))
            .partition(|(key, _)| key.family() == Family::V4);
        let mut there = Elements::new();
        for added in [v4, v6] {
            there.extend(added.iter().copied());
            kernel.change(&(vec![], added)).unwrap();
            assert!(kernel.is_intact(&there).unwrap());
        }
        let v6 = table("ip6");
        nft(&format!("flush chain {v6} from-pods"));
        assert!(!kernel.is_intact(&there).unwrap());
        // What others have made by that name meanwhile is none of ours.
        kernel.replace(&Elements::new()).unwrap();
        nft(&format!("add table {v6}"));
        nft(&format!("add chain {v6} theirs"));
        let added = wanted.iter().map(|(key, value)| (*key, *value)).collect();
        kernel.change(&(vec![], added)).unwrap();
        assert!(kernel.is_intact(&wanted).unwrap());
        assert!(!nft(&format!("list table {v6}")).contains("theirs"));
    });
}

/// An `nft` after which somebody else is at the table before we have looked at it.
#[test]
fn what_others_change_right_after_us_is_not_ours() {
    use std::os::unix::fs::PermissionsExt as _;
    in_a_namespace(|| {
        let directory = tempfile::TempDir::new().unwrap();
        let (nft_and, once) = (directory.path().join("nft"), directory.path().join("once"));
        let wanted = everything().plan();
        let changed = |when: &str| {
            let meddle = "nft insert rule $(nft list tables ip | sed 's/table //') to-pods accept";
            let script = format!("#!/bin/sh\nnft -f - || exit\n{when} || exit 0\n{meddle}\n");
            std::fs::write(&nft_and, script).unwrap();
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&nft_and, executable).unwrap();
            let mut kernel = Kernel::open("policies").unwrap();
            kernel.run_instead_of_nft(nft_and.to_str().unwrap());
            kernel.replace(&wanted).unwrap();
            let chain = nft(&format!("list chain {} to-pods", table("ip")));
            let is_changed = chain.lines().any(|line| line.trim() == "accept");
            (is_changed, kernel.is_intact(&wanted).unwrap())
        };
        // It is laid out once more; where that is no use, at the next comparison.
        let (is_changed, is_intact) = changed(&format!("mkdir {}", once.display()));
        assert!(!is_changed && is_intact);
        let (is_changed, is_intact) = changed("true");
        assert!(is_changed && !is_intact);
    });
}

#[test]
fn a_table_of_another_layout_is_replaced() {
    in_a_namespace(|| {
        let mut kernel = Kernel::open("policies").unwrap();
        let wanted = everything().plan();
        kernel.replace(&wanted).unwrap();
        let table = table("ip");
        // Of an older program, of another layout, and of our own name but with something else in it; and one that is none of ours.
        for name in ["ip policies", "ip policies-01234567", "ip policies-mine"] {
            nft(&format!("add table {name}"));
        }
        nft(&format!("delete table {table}"));
        nft(&format!("add table {table}"));
        nft(&format!("add set {table} isolated {{ type inet_proto ; }}"));
        kernel.replace(&wanted).unwrap();
        let tables = nft("list tables");
        let left: Vec<&str> = tables
            .lines()
            .filter(|line| line.contains("table ip "))
            .collect();
        let beside = format!("table {table}b");
        assert_eq!(left, ["table ip policies-mine", &beside]);
        assert!(nft(&format!("list set {table}b isolated")).contains("10.0.0.1"));
        // And back, for the place is free.
        kernel.replace(&wanted).unwrap();
        assert!(nft(&format!("list set {table} isolated")).contains("10.0.0.1"));
        assert!(!nft("list tables").contains(&beside));
    });
}

#[test]
fn an_nft_that_refuses_takes_nothing_away() {
    in_a_namespace(|| {
        let wanted = everything().plan();
        Kernel::open("policies").unwrap().replace(&wanted).unwrap();
        let rules = nft("list ruleset");
        // An agent that is started anew, while there is no memory, say.
        let mut kernel = Kernel::open("policies").unwrap();
        kernel.run_instead_of_nft("/bin/false");
        kernel.replace(&wanted).unwrap_err();
        assert_eq!(nft("list ruleset"), rules);
        assert!(!kernel.is_intact(&wanted).unwrap());
    });
}
