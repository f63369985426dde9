//! Rules of admission that are off unless an administrator turns them on.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use std::io::Write;
use std::sync::Arc;

use navarch_apiserver::AdmissionOptions;
use navarch_store::Memory;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const NAMESPACE: &str = "/api/v1/namespaces/default";
const STRATEGIC: [(&str, &str); 1] = [("content-type", "application/strategic-merge-patch+json")];

async fn with(enabled: &[&str], configurations: &str) -> (Cluster, Client) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n";
    write!(file, "{head}{configurations}").unwrap();
    let enabled: Vec<String> = enabled.iter().map(|name| (*name).to_owned()).collect();
    let options = AdmissionOptions::read(&enabled, &[], Some(file.path())).unwrap();
    let cluster = Cluster::with(Arc::new(Memory::new()), 0, options).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let path = format!("{NAMESPACE}/serviceaccounts");
    assert_eq!(admin.post(&path, &account).await.status, 201);
    (cluster, admin)
}

const NOTHING: &str = "- name: PodSecurity\n";

fn pod(name: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["automountServiceAccountToken"] = json!(false);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// CVE-2020-8554: nobody takes the traffic to an address that is not theirs.
#[tokio::test]
async fn cve_2020_8554_external_addresses_of_services_are_denied() {
    let (_cluster, mut admin) = with(&["DenyServiceExternalIPs"], NOTHING).await;
    let service = |addresses: Value| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
            "spec": {"ports": [{"port": 80}], "externalIPs": addresses}})
    };
    let path = format!("{NAMESPACE}/services");
    let refused = admin.post(&path, &service(json!(["192.0.2.1"]))).await;
    assert_eq!(refused.status, 403);
    let why = "services \"s\" is forbidden: Use of external IPs is denied by admission control";
    assert_eq!(refused.message(), why);
    assert_eq!(admin.post(&path, &service(json!([]))).await.status, 201);
    let patch = json!({"spec": {"externalIPs": ["192.0.2.1"]}}).to_string();
    let path = format!("{path}/s");
    let refused = admin.send("PATCH", &path, &STRATEGIC, patch).await;
    assert_eq!(refused.message(), why);
}

/// CVE-2023-2727 in its form here: a rule about images is one about those of ephemeral containers as well.
#[tokio::test]
async fn every_image_is_pulled_those_of_ephemeral_containers_too() {
    let (_cluster, mut admin) = with(&["AlwaysPullImages"], NOTHING).await;
    let path = format!("{NAMESPACE}/pods");
    let container = |name: &str| json!({"name": name, "image": "x:1", "imagePullPolicy": "Never"});
    let spec = json!({"initContainers": [container("i")], "containers": [container("c")]});
    let made = admin.post(&path, &pod("p", spec)).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let made = made.json();
    assert_eq!(
        made["spec"]["initContainers"][0]["imagePullPolicy"],
        "Always"
    );
    assert_eq!(made["spec"]["containers"][0]["imagePullPolicy"], "Always");
    let path = format!("{path}/p/ephemeralcontainers");
    let patch = json!({"spec": {"ephemeralContainers": [container("e")]}}).to_string();
    let debugged = admin.send("PATCH", &path, &STRATEGIC, patch).await;
    assert_eq!(debugged.status, 200, "{}", debugged.message());
    let debugged = debugged.json();
    assert_eq!(
        debugged["spec"]["ephemeralContainers"][0]["imagePullPolicy"],
        "Always"
    );
}

#[tokio::test]
async fn events_of_a_user_come_no_faster_than_they_may() {
    let limits = "- name: EventRateLimit\n  configuration:\n    apiVersion: eventratelimit.admission.k8s.io/v1alpha1\n    \
        kind: Configuration\n    limits: [{type: User, qps: 1, burst: 2}]\n";
    let (_cluster, mut admin) = with(&["EventRateLimit"], limits).await;
    let path = format!("{NAMESPACE}/events");
    let event = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name},
            "involvedObject": {"namespace": "default", "kind": "Pod", "name": "p"}})
    };
    for name in ["a", "b"] {
        let made = admin.post(&path, &event(name)).await;
        assert_eq!(made.status, 201, "{}", made.message());
    }
    let refused = admin.post(&path, &event("c")).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.message(),
        "Too many requests: limit reached on type User for key admin"
    );
    // Nothing else is an event.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}});
    assert_eq!(
        admin
            .post(&format!("{NAMESPACE}/configmaps"), &map)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn who_is_exempt_from_pod_security_keeps_to_no_level() {
    let exempt = "- name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    \
        kind: PodSecurityConfiguration\n    defaults: {enforce: baseline}\n    exemptions: {namespaces: [free]}\n";
    let (_cluster, mut admin) = with(&[], exempt).await;
    let spec = json!({"hostIPC": true, "containers": [{"name": "c", "image": "x:1"}]});
    let refused = admin
        .post(&format!("{NAMESPACE}/pods"), &pod("p", spec.clone()))
        .await;
    assert_eq!(refused.status, 403, "{}", refused.message());
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let free = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "free", "labels": labels}});
    let made = admin.post("/api/v1/namespaces", &free).await;
    assert_eq!(made.status, 201);
    let told = made.headers.get("warning").unwrap().to_str().unwrap();
    let ignored = r#"namespace \"free\" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored"#;
    assert!(told.contains(ignored), "{told}");
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    admin
        .post("/api/v1/namespaces/free/serviceaccounts", &account)
        .await;
    let made = admin
        .post("/api/v1/namespaces/free/pods", &pod("p", spec))
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
}

/// What a level allows in a namespace that is not there cannot be known.
#[tokio::test]
async fn pods_of_unknown_namespaces_are_refused_without_the_rule_for_these_too() {
    let off: Vec<String> = ["NamespaceLifecycle", "ServiceAccount"]
        .map(str::to_owned)
        .into();
    let options = AdmissionOptions::read(&[], &off, None).unwrap();
    let cluster = Cluster::with(Arc::new(Memory::new()), 0, options).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let pod = pod("p", json!({"containers": [{"name": "c", "image": "i"}]}));
    let refused = admin.post("/api/v1/namespaces/nowhere/pods", &pod).await;
    assert_eq!(refused.status, 500, "{}", refused.message());
    assert!(
        refused
            .message()
            .contains("failed to lookup namespace \"nowhere\"")
    );
}

/// What limits nodes is off as a whole, or not at all.
#[tokio::test]
async fn nodes_are_not_limited_where_their_rule_is_off() {
    use crate::nodes::{ask, two_nodes};
    let off = ["NodeRestriction".to_owned()];
    for (off, evicted, token) in [(&off[..], 201, 201), (&[][..], 403, 403)] {
        let options = AdmissionOptions::read(&[], off, None).unwrap();
        let cluster = Cluster::with(Arc::new(Memory::new()), 0, options).await;
        let mut admin = Client::connect(&cluster, Who::Certificate).await;
        two_nodes(&mut admin).await;
        let unbound = format!("{NAMESPACE}/serviceaccounts/default/token");
        let got = ask(&mut admin, "POST", &unbound, &json!({})).await;
        assert_eq!(got.0, token, "{}", got.1);
        let others = format!("{NAMESPACE}/pods/b/eviction");
        let eviction = json!({"metadata": {"name": "b"}});
        let got = ask(&mut admin, "POST", &others, &eviction).await;
        assert_eq!(got.0, evicted, "{}", got.1);
    }
}
