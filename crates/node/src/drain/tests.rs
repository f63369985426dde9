use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::plan::{Permitted, name, plan};

fn pod(name: &str, owner: Option<&str>, more: Value) -> Arc<Pod> {
    let owners = owner.map(|kind| {
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": "o", "uid": "u", "controller": true}])
    });
    let mut pod = json!({"metadata": {"name": name, "namespace": "n", "ownerReferences": owners}});
    if let (Value::Object(pod), Value::Object(more)) = (&mut pod, more) {
        pod.extend(more);
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn pods() -> Vec<Arc<Pod>> {
    let volumes = json!({"spec": {"containers": [], "volumes": [{"name": "v", "emptyDir": {}}]}});
    let ended = json!({"status": {"phase": "Succeeded"}});
    let mirror = json!({"metadata": {"name": "mirror", "namespace": "n", "annotations": {"kubernetes.io/config.mirror": "x"}}});
    vec![
        pod("managed", Some("ReplicaSet"), json!({})),
        pod("daemon", Some("DaemonSet"), json!({})),
        pod("orphan", Some("DaemonSet"), json!({})),
        pod("bare", None, json!({})),
        pod("data", Some("ReplicaSet"), volumes),
        pod("ended", None, ended),
        pod("mirror", None, mirror),
    ]
}

#[track_caller]
fn check(permitted: Permitted, expected: &Expect) {
    let is_orphan = |pod: &Pod| name(pod) == "n/orphan";
    let plan = plan(pods(), permitted, is_orphan);
    let names: Vec<String> = plan.evict.iter().map(|pod| name(pod)).collect();
    let mut text = format!("go: {}\n", names.join(" "));
    for line in plan.warnings.iter().chain(&plan.refusals) {
        text += &format!("{line}\n");
    }
    expected.assert_eq(&text);
}

#[test]
fn what_would_be_lost_is_in_the_way() {
    check(
        Permitted::default(),
        &expect![[r#"
            go: n/managed n/ended
            cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): n/daemon
            cannot delete Pods that declare no controller (use --force to override): n/bare
            cannot delete Pods with local storage (use --delete-emptydir-data to override): n/data
            cannot delete daemonsets.apps "o" not found: n/orphan
        "#]],
    );
}

#[test]
fn what_is_permitted_goes_with_a_warning() {
    check(
        Permitted {
            force: true,
            ignore_daemon_sets: true,
            empty_dir_data: true,
        },
        &expect![[r#"
            go: n/managed n/orphan n/bare n/data n/ended
            deleting Pods that declare no controller: n/bare
            deleting Pods with local storage: n/data
            ignoring DaemonSet-managed Pods: n/daemon
        "#]],
    );
}
