//! `navarch net check`: what it says of a network that is well, and of one that is not.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::harness::Hosts;

/// The table's row of what was asked from there, as words.
fn row<'a>(table: &'a str, node: &str, from: &str) -> Vec<&'a str> {
    let mut rows = table.lines().map(|line| line.split_whitespace().collect());
    let is_meant = |row: &Vec<&str>| row.starts_with(&[node, from]);
    rows.find(is_meant)
        .unwrap_or_else(|| panic!("no {node} {from} in {table}"))
}

/// Nothing is found where nothing is wrong, in either family.
pub(super) fn finds_all_well(hosts: &Hosts) {
    let table = hosts.navarch_at_server(&["net", "check"]).unwrap();
    let all = hosts.all().len() * 2;
    let reached = format!("{all}/{all}");
    for host in hosts.all() {
        for from in ["node", "pod"] {
            let row = row(&table, &host.name, from);
            let mtu: u32 = row[4].parse().unwrap();
            assert!((1280..=1500).contains(&mtu), "{table}");
            assert_eq!(row[2], reached, "{table}");
            assert_eq!([row[3], row[5], row[6], row[7]], ["ok"; 4], "{table}");
        }
    }
    assert_eq!(table.lines().count(), 1 + hosts.all().len() * 2, "{table}");
    assert_eq!(namespaces(hosts), "", "it leaves nothing");
}

/// Where plugins apply no policies that is said, and is neither well nor wrong.
pub(super) fn finds_no_policies(hosts: &Hosts) {
    let table = hosts.navarch_at_server(&["net", "check"]).unwrap();
    for from in ["node", "pod"] {
        assert_eq!(row(&table, "h1", from)[7], "none", "{table}");
    }
    let last = table.lines().last().unwrap();
    assert!(last.contains("apply no network policies"), "{table}");
}

/// Between two segments large packets of the tunnel are lost without a word, and from one host's pods nobody answers names.
pub(super) fn finds_what_is_wrong(hosts: &Hosts) {
    hosts.router.sh(
        "nft -f - <<E
         table netdev lossy { chain in { type filter hook ingress device h3 priority 0; meta l4proto udp meta length > 1400 drop; }\n}\nE",
    );
    hosts.host(1).sh(
        "nft -f - <<E
         table inet mute {
           chain in { type filter hook input priority -300; iifname navarch0 udp dport 53 drop; tcp dport 10250 iifname eth0 drop; }
           chain pre { type filter hook prerouting priority -400; iifname navarch0 tcp dport 80 drop; }
         }\nE",
    );
    let (table, error) = hosts.navarch_at_server(&["net", "check"]).unwrap_err();
    for (host, from) in [("h1", "node"), ("h1", "pod"), ("h2", "pod")] {
        let row = row(&table, host, from);
        assert_eq!((row[2], row[4]), ("6/6", "4/6"), "{table}");
    }
    assert_eq!(row(&table, "h3", "pod")[4], "2/6", "{table}");
    assert!(row(&table, "h2", "pod")[5].starts_with("0/"), "{table}");
    assert_eq!(row(&table, "h2", "node")[5], "ok", "{table}");
    // The service of the check, of which there is one of each family; the API server's is another port.
    assert_eq!(row(&table, "h2", "pod")[6], "1/3", "{table}");
    assert_eq!(row(&table, "h1", "pod")[6], "ok", "{table}");
    assert_eq!(row(&table, "h1", "node")[3], "4/6", "{table}");
    assert_eq!(row(&table, "h2", "node")[3], "ok", "{table}");
    assert_eq!(row(&table, "h1", "pod")[5], "ok", "{table}");
    assert!(
        table.contains("may be sent and do not come back, those of"),
        "{table}"
    );
    assert!(
        error.contains("things are not as they should be"),
        "{error}"
    );
    hosts.router.sh("nft delete table netdev lossy");
    hosts.host(1).sh("nft delete table inet mute");
    assert_eq!(namespaces(hosts), "", "it leaves nothing");
}

/// Whoever stops it is not told that all is well, and nothing is left.
pub(super) fn may_be_stopped(hosts: &Hosts) {
    let mut check = hosts.command_at_server(&["net", "check"]);
    let mut check = check
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(check.stderr.take().unwrap()).lines();
    let begun = said.next().unwrap().unwrap();
    assert!(begun.contains("a pod that answers"), "{begun}");
    kill(Pid::from_raw(check.id().cast_signed()), Signal::SIGINT).unwrap();
    let said: Vec<String> = said.map(Result::unwrap).collect();
    let output = check.wait_with_output().unwrap();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    assert!(said.iter().any(|line| line.contains("stopped")), "{said:?}");
    assert_eq!(namespaces(hosts), "", "it leaves nothing");
    let (_, error) = hosts
        .navarch_at_server(&["net", "check", "--nodes=nosuch"])
        .unwrap_err();
    assert!(error.contains("nodes \"nosuch\" not found"), "{error}");
}

fn namespaces(hosts: &Hosts) -> String {
    let left =
        "get namespaces -l navarch.dev/net-check -o name --field-selector=status.phase=Active";
    hosts.kubectl().ok(left)
}
