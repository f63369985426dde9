#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use k8s_openapi::api::core::v1::{LimitRange, PersistentVolumeClaim, Pod};
use serde_json::{Value, json};

use super::{against_claim, against_pod, fill_in};

fn range(limits: Value) -> LimitRange {
    serde_json::from_value(json!({"spec": {"limits": limits}})).unwrap()
}

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({"spec": spec})).unwrap()
}

fn asking(name: &str, requests: Value, limits: Value) -> Value {
    json!({"name": name, "resources": {"requests": requests, "limits": limits}})
}

#[test]
fn containers_and_init_containers_get_what_they_do_not_say() {
    let range = range(json!([{
        "type": "Container",
        "default": {"cpu": "500m", "memory": "64Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "64Mi"},
    }]));
    let mut given = pod(json!({
        "initContainers": [{"name": "i"}],
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}],
        "ephemeralContainers": [{"name": "e"}],
    }));
    fill_in(&range, &mut given);
    let told = &given.metadata.annotations.as_ref().unwrap()["kubernetes.io/limit-ranger"];
    assert_eq!(
        told,
        "LimitRanger plugin set: memory request for container a; cpu limit for container a; cpu, memory request for init \
         container i; cpu, memory limit for init container i"
    );
    let spec = serde_json::to_value(&given.spec).unwrap();
    let full = json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}});
    assert_eq!(spec["initContainers"][0]["resources"], full);
    let own = json!({"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}});
    assert_eq!(spec["containers"][0]["resources"], own);
    assert_eq!(spec["ephemeralContainers"][0].get("resources"), None);
}

#[test]
fn a_container_keeps_within_bounds() {
    let range = range(json!([{
        "type": "Container",
        "min": {"cpu": "50m"},
        "max": {"cpu": "1"},
        "maxLimitRequestRatio": {"cpu": "8"},
    }]));
    let found = |spec: Value| against_pod(&range, &pod(spec));
    let of = |container: Value| found(json!({"containers": [container]}));
    assert_eq!(
        of(asking("a", json!({"cpu": "500m"}), json!({"cpu": "1"}))),
        [""; 0]
    );
    assert_eq!(
        of(asking("a", json!({}), json!({}))),
        [
            "minimum cpu usage per Container is 50m.  No request is specified",
            "maximum cpu usage per Container is 1.  No limit is specified",
            "cpu max limit to request ratio per Container is 8, but no request is specified or request is 0",
        ]
    );
    assert_eq!(
        of(asking("a", json!({"cpu": "10m"}), json!({"cpu": "500m"}))),
        [
            "minimum cpu usage per Container is 50m, but request is 10m",
            "cpu max limit to request ratio per Container is 8, but provided ratio is 50.000000",
        ]
    );
    let init = asking("i", json!({"cpu": "3"}), json!({"cpu": "3"}));
    assert_eq!(
        found(json!({"containers": [], "initContainers": [init]})),
        ["maximum cpu usage per Container is 1, but limit is 3"]
    );
}

#[test]
fn a_pod_counts_what_runs_at_one_time_or_what_it_asks_for_as_a_whole() {
    let range = range(json!([{"type": "Pod", "max": {"cpu": "2"}}]));
    let found = |spec: Value| against_pod(&range, &pod(spec));
    let one = |name: &str, amount: &str| asking(name, json!({}), json!({"cpu": amount}));
    let over = |amount: &str| {
        vec![format!(
            "maximum cpu usage per Pod is 2, but limit is {amount}"
        )]
    };
    assert_eq!(
        found(json!({"containers": [one("a", "1"), one("b", "1")]})),
        [""; 0]
    );
    assert_eq!(
        found(json!({"containers": [one("a", "1"), one("b", "1500m")]})),
        over("2500m")
    );
    let init = json!({"containers": [one("a", "1")], "initContainers": [one("i", "2")]});
    assert_eq!(found(init), [""; 0]);
    let mut sidecar = one("s", "1500m");
    sidecar["restartPolicy"] = json!("Always");
    let beside = json!({"containers": [one("a", "1")], "initContainers": [sidecar]});
    assert_eq!(found(beside), over("2500m"));
    let whole = json!({"containers": [one("a", "1")], "resources": {"limits": {"cpu": "4"}}});
    assert_eq!(found(whole), over("4"));
}

#[test]
fn a_claim_keeps_within_bounds() {
    let range = range(json!([
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}},
    ]));
    let found = |size: &str| {
        let claim: PersistentVolumeClaim =
            serde_json::from_value(json!({"spec": {"resources": {"requests": {"storage": size}}}}))
                .unwrap();
        against_claim(&range, &claim)
    };
    assert_eq!(found("1Gi"), [""; 0]);
    let head = "storage usage per PersistentVolumeClaim is";
    assert_eq!(
        found("3Gi"),
        [format!("maximum {head} 2Gi, but request is 3Gi")]
    );
    assert_eq!(
        found("1Mi"),
        [format!("minimum {head} 1Gi, but request is 1Mi")]
    );
}
