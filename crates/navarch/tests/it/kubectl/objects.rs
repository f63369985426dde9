//! Objects: create, apply, get in every format, describe, patch, edit, delete, wait, explain.

use crate::cluster::{Cluster, Kubectl};

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a, tier: front}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:test, command: [sleep, '3600']}
";

#[test]
fn objects_are_made_shown_changed_and_deleted() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    creating(&kubectl);
    printing(&kubectl);
    describing(&kubectl);
    changing(&kubectl);
    image(&kubectl);
    watching_and_deleting(&kubectl);
    learning(&kubectl);
}

fn creating(kubectl: &Kubectl) {
    let create = "create configmap c --from-literal=k=v --from-literal=l=w";
    assert_eq!(kubectl.ok(create), "configmap/c created\n");
    let (code, complaint) = kubectl.fails(create);
    assert_eq!(code, 1);
    assert!(
        complaint.contains(r#"(AlreadyExists): configmaps "c" already exists"#)
            || complaint.contains(r#"configmaps "c" already exists"#),
        "{complaint}"
    );
    assert_eq!(kubectl.apply(POD), "pod/a created\n");
    assert_eq!(kubectl.apply(POD), "pod/a unchanged\n");
    let labelled = POD.replace("tier: front", "tier: back");
    assert_eq!(kubectl.apply(&labelled), "pod/a configured\n");
    assert_eq!(kubectl.path("pod/a", "{.metadata.labels.tier}"), "back");
    let tried = kubectl.ok("create namespace n --dry-run=server");
    assert_eq!(tried, "namespace/n created (server dry run)\n");
    let (_, complaint) = kubectl.fails("get namespace n");
    assert!(
        complaint.contains(r#"(NotFound): namespaces "n" not found"#),
        "{complaint}"
    );
    kubectl.wait("pod/a", "condition=Ready");
}

fn printing(kubectl: &Kubectl) {
    let table = kubectl.ok("get pods");
    let mut lines = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        lines.next().unwrap(),
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    );
    assert_eq!(lines.next().unwrap()[..4], ["a", "1/1", "Running", "0"]);
    let wide = kubectl.ok("get pods -o wide");
    let address = kubectl.path("pod/a", "{.status.podIP}");
    assert!(
        wide.contains(&address) && wide.contains("NOMINATED NODE"),
        "{wide}"
    );
    assert_eq!(kubectl.ok("get pods -o name"), "pod/a\n");
    let json: serde_json::Value = serde_json::from_str(&kubectl.ok("get pod a -o json")).unwrap();
    assert_eq!(json["kind"], "Pod");
    assert_eq!(json["status"]["containerStatuses"][0]["ready"], true);
    let yaml = kubectl.ok("get pod a -o yaml");
    assert!(
        yaml.starts_with("apiVersion: v1\nkind: Pod\nmetadata:\n"),
        "{yaml}"
    );
    let columns =
        kubectl.ok("get pods -o custom-columns=N:.metadata.name,I:.spec.containers[0].image");
    let columns: Vec<&str> = columns.split_whitespace().collect();
    assert_eq!(columns, ["N", "I", "a", "busybox:test"]);
    let template =
        kubectl.ok("get pods -o 'go-template={{range .items}}{{.metadata.name}}!{{end}}'");
    assert_eq!(template, "a!");
    assert!(
        kubectl
            .ok("get pods --show-labels")
            .contains("app=a,tier=back")
    );
    assert_eq!(
        kubectl.ok("get pods -l tier=back,app!=b -o name"),
        "pod/a\n"
    );
    assert_eq!(kubectl.ok("get pods -l tier=front -o name"), "");
    let running =
        "get pods -A --field-selector status.phase=Running --sort-by=.metadata.name -o name";
    assert_eq!(kubectl.ok(running), "pod/a\n");
    let both = kubectl.ok("get pod/a configmap/c -o name");
    assert_eq!(both, "pod/a\nconfigmap/c\n");
}

fn describing(kubectl: &Kubectl) {
    let pod = kubectl.ok("describe pod a");
    for wanted in [
        "Name:             a",
        "Image:         busybox:test",
        "Ready:          True",
        "Scheduled",
        "Started",
    ] {
        assert!(pod.contains(wanted), "no {wanted:?} in:\n{pod}");
    }
    let node = kubectl.ok("describe nodes");
    for wanted in [
        "MemoryPressure",
        "Allocatable:",
        "Non-terminated Pods:          (1 in total)",
        "Allocated resources:",
    ] {
        assert!(node.contains(wanted), "no {wanted:?} in:\n{node}");
    }
    assert!(kubectl.ok("describe configmap c").contains("BinaryData"));
}

fn changing(kubectl: &Kubectl) {
    let patches = [
        "patch configmap c -p '{\"data\":{\"k\":\"strategic\"}}'",
        "patch configmap c --type=merge -p '{\"data\":{\"l\":null}}'",
        "patch configmap c --type=json -p '[{\"op\":\"add\",\"path\":\"/data/m\",\"value\":\"json\"}]'",
    ];
    for patch in patches {
        assert_eq!(kubectl.ok(patch), "configmap/c patched\n");
    }
    assert_eq!(
        kubectl.path("configmap/c", "{.data}"),
        r#"{"k":"strategic","m":"json"}"#
    );
    kubectl.ok("label pod a tier- color=red");
    kubectl.ok("annotate pod a note=x");
    assert_eq!(
        kubectl.path("pod/a", "{.metadata.labels}"),
        r#"{"app":"a","color":"red"}"#
    );
    assert_eq!(kubectl.path("pod/a", "{.metadata.annotations.note}"), "x");
    let replaced = kubectl
        .ok("get configmap c -o json")
        .replace("strategic", "replaced");
    assert_eq!(
        kubectl.ok_with("replace -f -", &replaced),
        "configmap/c replaced\n"
    );
    let (_, complaint) = kubectl.fails_with("replace -f -", &replaced);
    assert!(
        complaint.contains(
            "the object has been modified; please apply your changes to the latest version"
        ),
        "{complaint}"
    );
    let (_, complaint) = kubectl.fails(
        "patch pod a -p '{\"spec\":{\"containers\":[{\"name\":\"main\",\"command\":[\"x\"]}]}}'",
    );
    assert!(
        complaint.contains("pod updates may not change fields other than"),
        "{complaint}"
    );
}

/// A running container whose image is changed is replaced by one of the new image.
fn image(kubectl: &Kubectl) {
    let page = "exec a -- cat /www/index.html";
    assert_eq!(kubectl.ok(page), "page of busybox:test\n");
    kubectl.ok("set image pod/a main=busybox:other");
    kubectl.wait_for("pod/a", "{.status.containerStatuses[0].restartCount}", "1");
    kubectl.wait("pod/a", "condition=Ready");
    assert_eq!(kubectl.ok(page), "page of busybox:other\n");
}

fn watching_and_deleting(kubectl: &Kubectl) {
    let mut watch = kubectl.talk("get pods -w --no-headers");
    watch.line_with("a ");
    kubectl.apply(&POD.replace("name: a,", "name: b,"));
    watch.line_with("Pending");
    let line = watch.line_with("Running");
    assert!(line.starts_with("b "), "{line}");
    let deleted = kubectl.ok("delete pod a");
    // Later ones say from which namespace.
    assert!(deleted.starts_with("pod \"a\" deleted"), "{deleted}");
    assert_eq!(kubectl.ok("get pods -o name"), "pod/b\n");
    kubectl.ok("delete pod b --wait=false");
    kubectl.wait("pod/b", "delete");
    let (_, complaint) = kubectl.fails("delete pod b");
    assert!(complaint.contains(r#"pods "b" not found"#), "{complaint}");
    kubectl.ok("create namespace gone");
    kubectl.ok("-n gone create configmap c");
    kubectl.ok("delete namespace gone --timeout=60s");
}

fn learning(kubectl: &Kubectl) {
    let explained = kubectl.ok("explain deployment.spec.strategy");
    for wanted in [
        "KIND:       Deployment",
        "GROUP:      apps",
        "rollingUpdate",
    ] {
        assert!(explained.contains(wanted), "no {wanted:?} in:\n{explained}");
    }
    let resources = kubectl.ok("api-resources");
    for wanted in [
        "deployments",
        "endpointslices",
        "leases",
        "replicationcontrollers",
    ] {
        assert!(resources.contains(wanted), "no {wanted:?} in:\n{resources}");
    }
    let versions = kubectl.ok("api-versions");
    assert!(versions.lines().any(|line| line == "apps/v1"), "{versions}");
    assert!(kubectl.ok("get --raw /readyz").starts_with("ok"));
    assert!(kubectl.ok("cluster-info").contains("is running at"));
}
