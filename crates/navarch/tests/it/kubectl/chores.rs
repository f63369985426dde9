//! What is done now and then: edit, diff, events, expose, drain and cordon, tokens, replacing by force, directories and logs of many.

use crate::cluster::{Cluster, Kubectl};

const OBJECTS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:test, command: [httpd, -f, -p, '8080', -h, /www]}
  - {name: other, image: busybox:test, command: [sh, -c, 'echo first; echo second; exec sleep 3600']}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {color: red}
";

#[test]
fn a_cluster_is_kept_with_kubectl() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(OBJECTS);
    kubectl.wait("pod/a", "condition=Ready");
    editing(&kubectl);
    telling(&kubectl);
    directories(&kubectl, &cluster.data());
    serving(&kubectl);
    draining(&kubectl);
}

fn editing(kubectl: &Kubectl) {
    let (said, _) = kubectl.edit("configmap c", "s/red/blue/");
    assert_eq!(said, "configmap/c edited\n");
    assert_eq!(kubectl.path("configmap/c", "{.data.color}"), "blue");
    let (_, errors) = kubectl.edit("configmap c", "s/nothing/x/");
    assert!(errors.contains("no changes made"), "{errors}");
    let output = kubectl.run_with("diff -f -", OBJECTS);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("-  color: blue\n+  color: red\n"), "{text}");
    let same = OBJECTS.replace("red", "blue");
    let output = kubectl.run_with("diff -f -", &same);
    assert_eq!(output.status.code(), Some(0));

    let uid = kubectl.path("pod/a", "{.metadata.uid}");
    kubectl.ok_with("replace --force -f -", &same);
    assert_ne!(kubectl.path("pod/a", "{.metadata.uid}"), uid);
    kubectl.wait("pod/a", "condition=Ready");
}

fn telling(kubectl: &Kubectl) {
    let events = kubectl.ok("events --for pod/a");
    for wanted in ["Scheduled", "Pulled", "Created", "Started"] {
        assert!(events.contains(wanted), "no {wanted} in {events}");
    }
    let sorted = kubectl.ok("get events --sort-by=.lastTimestamp");
    assert!(sorted.contains("pod/a"), "{sorted}");
    let logs = kubectl.ok("logs -l app=a -c other --prefix --tail=1");
    assert_eq!(logs, "[pod/a/other] second\n");
    assert_eq!(kubectl.ok("logs a -c other --since=1h"), "first\nsecond\n");
    let token = kubectl.ok("create token default");
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    let snake = kubectl.ok("get pods -o 'jsonpath-as-json={.items[*].metadata.name}'");
    assert_eq!(snake, "[\n    \"a\"\n]\n");
    let verbose = kubectl.ok("get --raw /readyz?verbose");
    assert!(verbose.ends_with("readyz check passed\n"), "{verbose}");
}

fn directories(kubectl: &Kubectl, place: &std::path::Path) {
    let (from, back) = (place.join("tree"), place.join("back"));
    std::fs::create_dir_all(from.join("deep")).unwrap();
    std::fs::write(from.join("file"), "one").unwrap();
    std::fs::write(from.join("deep/file"), "two").unwrap();
    kubectl.ok(&format!("cp {} a:/tree -c main", from.display()));
    kubectl.ok("exec a -c main -- sh -c 'echo three > /tree/deep/third'");
    kubectl.ok(&format!("cp a:/tree {} -c main", back.display()));
    let read = |name: &str| std::fs::read_to_string(back.join(name)).unwrap();
    assert_eq!(
        (read("file"), read("deep/file")),
        ("one".into(), "two".into())
    );
    assert_eq!(read("deep/third"), "three\n");
}

fn serving(kubectl: &Kubectl) {
    kubectl.ok("expose pod a --port=80 --target-port=8080");
    assert_eq!(
        kubectl.path("service/a", "{.spec.selector}"),
        r#"{"app":"a"}"#
    );
    kubectl.ok("wait endpointslice -l kubernetes.io/service-name=a '--for=jsonpath={.endpoints[0].conditions.ready}=true' --timeout=60s");
    let mut forward = kubectl.talk("port-forward service/a :80");
    let line = forward.line_with("Forwarding from 127.0.0.1:");
    let port = line
        .split(':')
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let page = super::page(port.unwrap().parse().unwrap());
    assert!(page.ends_with("page of busybox:test\n"), "{page}");
}

fn draining(kubectl: &Kubectl) {
    let node = kubectl.ok("get nodes -o name");
    let node = node.trim().trim_start_matches("node/");
    kubectl.ok(&format!("taint node {node} key=value:NoSchedule"));
    kubectl.ok(&format!("taint node {node} key-"));
    kubectl.ok(&format!("drain {node} --force --timeout=60s"));
    assert_eq!(kubectl.ok("get pods -o name"), "");
    let row = kubectl.ok("get nodes --no-headers");
    assert!(row.contains("Ready,SchedulingDisabled"), "{row}");
    kubectl.ok("run late --image=busybox:test --restart=Never -- true");
    kubectl.wait_for(
        "pod/late",
        r#"{.status.conditions[?(@.type=="PodScheduled")].reason}"#,
        "Unschedulable",
    );
    kubectl.ok(&format!("uncordon {node}"));
    kubectl.wait_for("pod/late", "{.status.phase}", "Succeeded");
}
