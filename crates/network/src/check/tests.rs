use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use serde_json::json;

use super::findings::{Aspect, Finding, Findings};
use super::plan::{self, ASKED, Checked};
use super::report::Report;
use super::state;
use super::task::Place;

fn node(name: &str, ready: &str) -> Arc<Node> {
    let node = json!({
        "metadata": {"name": name},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": name}],
            "conditions": [{"type": "Ready", "status": ready}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    });
    Arc::new(serde_json::from_value(node).unwrap())
}

fn pod(ips: &[&str]) -> Pod {
    let ips: Vec<_> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    serde_json::from_value(json!({"status": {"podIPs": ips}})).unwrap()
}

fn service(name: &str, ips: &[&str]) -> Service {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "checked"},
        "spec": {"clusterIPs": ips, "ports": [{"port": 443}]},
    }))
    .unwrap()
}

fn check_choice(names: &[&str], expected: &Expect) {
    let nodes = [node("b", "True"), node("a", "True"), node("c", "Unknown")];
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let chosen = plan::choose(&nodes, &names);
    let mut lines: Vec<String> = chosen.nodes.iter().map(|it| it.name.clone()).collect();
    lines.extend(chosen.failures);
    expected.assert_eq(&lines.join("; "));
}

#[test]
fn nodes_that_are_ready_are_looked_at() {
    check_choice(
        &[],
        &expect!["a; b; node c is not Ready, and was not looked at"],
    );
    check_choice(&["b", "d"], &expect![[r#"b; nodes "d" not found"#]]);
}

#[test]
fn everybody_asks_everybody_of_both_families() {
    let nodes = plan::choose(&[node("a", "True"), node("b", "True")], &[]).nodes;
    let answerers = [pod(&["10.244.0.2", "fd00::2"]), pod(&["10.244.1.2"])];
    let answerers: Vec<_> = nodes.iter().zip(&answerers).map(plan::answers_at).collect();
    let (own, api) = (
        service("net-check", &["10.96.0.7", "fd00:96::7"]),
        service("kubernetes", &["10.96.0.1"]),
    );
    let patience = Duration::from_secs(60);
    let tasks = plan::tasks(&nodes, &answerers, (&own, &api), patience);
    assert_eq!(tasks.len(), 4);
    expect![[r#"
        {
          "node": "b",
          "place": "Pod",
          "pods": [
            {
              "node": "b",
              "address": "10.244.1.2:8080"
            },
            {
              "node": "a",
              "address": "10.244.0.2:8080"
            },
            {
              "node": "a",
              "address": "[fd00::2]:8080"
            }
          ],
          "nodes": [
            {
              "node": "b",
              "address": "192.0.2.1:10250"
            },
            {
              "node": "a",
              "address": "192.0.2.1:10250"
            }
          ],
          "services": [
            "10.96.0.7:80",
            "[fd00:96::7]:80"
          ],
          "api": [
            "10.96.0.1:443"
          ],
          "names": [
            {
              "name": "net-check.checked",
              "addresses": [
                "10.96.0.7",
                "fd00:96::7"
              ]
            },
            {
              "name": "kubernetes.default",
              "addresses": [
                "10.96.0.1"
              ]
            }
          ],
          "patience": 60
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&tasks[3]).unwrap());
}

/// What is asked does not grow with the square of the nodes.
#[test]
fn of_many_the_next_are_asked() {
    let all: Vec<usize> = (0..1000).collect();
    let asked: Vec<usize> = plan::asked(&all, 990).copied().collect();
    assert_eq!(asked.len(), ASKED + 1);
    assert_eq!(
        (asked[0], asked[9], asked[10], asked[ASKED]),
        (990, 999, 0, ASKED - 10)
    );
    assert_eq!(plan::asked(&all[..3], 1).collect::<Vec<_>>(), [&1, &2, &0]);
}

fn found(failing: usize) -> Findings {
    let mut findings = Findings::default();
    for (number, aspect) in [Aspect::Pods, Aspect::Mtu, Aspect::Dns]
        .into_iter()
        .enumerate()
    {
        let outcome = match number < failing {
            true => Err(format!("{aspect:?}: no answer")),
            false => Ok(()),
        };
        let mtu = (aspect == Aspect::Mtu && outcome.is_ok()).then_some(1450);
        findings.add(Finding {
            mtu,
            ..Finding::new(aspect, outcome)
        });
    }
    findings
}

#[test]
fn a_report_counts_where_something_is_wrong() {
    let mut report = Report::default();
    report.add("b", Place::Pod, found(2));
    report.add("a", Place::Pod, found(0));
    let rows: Vec<String> = report.rows().iter().map(|row| row.join(" ")).collect();
    expect![[r#"
        a pod 1/1 - 1450 ok - -
        b pod 0/1 - 0/1 ok - -"#]]
    .assert_eq(&rows.join("\n"));
    expect![[r#"
        from b (pod): Pods: no answer
        from b (pod): Mtu: no answer"#]]
    .assert_eq(&report.failures().join("\n"));
}

/// From a node, which reaches its own pod, and from a pod on it: of pods that plugins connect so many were held to a policy, and so many not, beside
/// so many of nodes' own network that were.
fn of_policies(held: usize, unheld: usize, own: usize) -> Report {
    let mut report = Report::default();
    for place in [Place::Node, Place::Pod] {
        let mut findings = found(0);
        let all = match place {
            Place::Node => vec![Some(true)],
            Place::Pod => [
                vec![Some(true); held],
                vec![Some(false); unheld],
                vec![None; own],
            ]
            .concat(),
        };
        for by_plugins in all {
            let outcome = match by_plugins {
                Some(false) => Err("answers".to_owned()),
                _ => Ok(()),
            };
            findings.add(Finding {
                by_plugins,
                ..Finding::new(Aspect::Policies, outcome)
            });
        }
        assert!(findings.is_sound());
        report.add("a", place, findings);
    }
    report.judge_policies();
    report
}

/// Plugins that apply no policies are no fault of the network, and no success either.
#[test]
fn where_plugins_apply_no_policies_that_is_said() {
    let check = |(held, unheld, own), expected: Expect| {
        let report = of_policies(held, unheld, own);
        let rows = report.rows();
        let cells = rows.iter().map(|row| format!("{} {}", row[1], row[7]));
        let mut lines: Vec<String> = cells.collect();
        lines.extend(report.notes().into_iter().map(str::to_owned));
        lines.extend(report.failures());
        expected.assert_eq(&lines.join("\n"));
    };
    check(
        (0, 2, 0),
        expect![[r#"
            node none
            pod none
            none: the plugins that connect these pods apply no network policies"#]],
    );
    check(
        (2, 0, 0),
        expect![[r#"
            node ok
            pod ok"#]],
    );
    // They apply some: those that do not hold are wrong.
    check(
        (1, 2, 0),
        expect![[r#"
            node ok
            pod 1/3
            from a (pod): 2 pods that plugins connect answer, and a network policy lets nobody in"#]],
    );
    // That other nodes hold theirs says nothing of the plugins.
    check(
        (0, 2, 3),
        expect![[r#"
            node none
            pod ok, none
            none: the plugins that connect these pods apply no network policies"#]],
    );
}

#[test]
fn a_node_says_whether_plugins_connect_its_pods() {
    let of = |said: &str| {
        let mut node = node("a", "True");
        let annotations = [("navarch.dev/pod-network".to_owned(), said.to_owned())];
        Arc::make_mut(&mut node).metadata.annotations = Some(annotations.into());
        let nodes: Vec<Checked> = plan::choose(&[node], &[]).nodes;
        plan::answers_at((&nodes[0], &pod(&["10.244.0.2"])))[0].of_plugins
    };
    assert!(of("cni") && !of("navarch"));
}

/// An asker that has found more than there is room for says how much more.
#[test]
fn findings_fit_into_a_termination_message() {
    let mut findings = Findings::default();
    for number in 0..1000 {
        let why = Err(format!("pod {number}: \"no answer\""));
        findings.add(Finding::new(Aspect::Pods, why));
    }
    let text = findings.message().unwrap();
    assert!((3900..=4096).contains(&text.len()), "{}", text.len());
    let read: Findings = serde_json::from_str(&text).unwrap();
    assert_eq!(read.failures.len() + read.more_failures, 1000);
    let mut report = Report::default();
    report.add("a", Place::Node, read);
    assert_eq!(report.rows()[0][2], "0/1000");
    assert_eq!(report.wrong(), 1000);
    assert!(report.failures().last().unwrap().starts_with("and "));
}

/// A node may have its pods say anything.
#[test]
fn what_strangers_say_is_one_short_line() {
    let mut report = Report::default();
    let mut hostile = Findings {
        failures: vec!["\x1b[2Jall is well\nNODE".into(), "x".repeat(100_000)],
        more_failures: usize::MAX,
        ..Findings::default()
    };
    report.add("a", Place::Pod, hostile.clone());
    report.add("a", Place::Node, hostile.clone());
    assert_eq!(report.wrong(), usize::MAX);
    for line in report.failures() {
        assert!(
            line.len() < 600 && !line.contains(char::is_control),
            "{line}"
        );
    }
    assert!(hostile.is_sound());
    let too_good = super::findings::Tally { passed: 2, of: 1 };
    hostile.tallies.insert(Aspect::Pods, too_good);
    assert!(!hostile.is_sound());
    for number in 0..10_000 {
        report.fail(&number.to_string());
    }
    assert!(report.failures().len() < 600);
}

#[test]
fn only_what_a_check_has_left_is_forgotten() {
    let now = "2026-01-02T03:00:00Z";
    let is_forgotten = |name: &str, made: &str| {
        let mut namespace = super::objects::namespace(now.parse().unwrap()).unwrap();
        namespace.metadata.name = Some(name.into());
        namespace.metadata.creation_timestamp = Some(serde_json::from_value(json!(made)).unwrap());
        super::objects::is_forgotten(&namespace, now.parse().unwrap())
    };
    assert!(is_forgotten("navarch-net-check-x", "2026-01-02T00:00:00Z"));
    assert!(!is_forgotten("navarch-net-check-x", "2026-01-02T02:00:00Z"));
    assert!(
        !is_forgotten("navarch-net-check-x", "2026-01-03T02:00:00Z"),
        "a clock is wrong"
    );
    assert!(!is_forgotten("prod", "2026-01-01T00:00:00Z"));
}

#[test]
fn a_pod_that_does_not_run_is_told_in_its_own_words() {
    let complaint = |status: serde_json::Value| {
        let pod: Pod = serde_json::from_value(json!({"status": status})).unwrap();
        state::complaint(&pod, Duration::from_secs(60))
    };
    let started = "2026-01-02T03:00:00Z";
    let waiting = complaint(json!({"startTime": started, "containerStatuses": [{
        "name": "net-check", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}},
    }]}));
    assert_eq!(waiting, "ErrImagePull: no such host");
    expect!["the node's agent has not taken it up within 60 s: does it run, and reach the API?"]
        .assert_eq(&complaint(json!({})));
    expect!["it is not ready, or has not ended, within 60 s"]
        .assert_eq(&complaint(json!({"startTime": started})));
}
