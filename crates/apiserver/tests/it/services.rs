//! Addresses and node ports: never two services on one, none lost.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Service;
use navarch_api::call::{Answer, Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const SERVICES: &str = "/api/v1/namespaces/default/services";
const NETWORKING: &str = "/apis/networking.k8s.io/v1";
/// Where the store keeps what holds an address.
const HELD: &str = "ipaddresses.networking.k8s.io/";

fn service(name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["ports"] = json!([{"port": 80}]);
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}

fn create(object: Value) -> Call {
    Call {
        verb: Verb::Create,
        resource: Gvr::of::<Service>(),
        namespace: Some("default".into()),
        name: None,
        subresource: None,
        body: Body::Json(object),
        options: Options::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_never_share() {
    let cluster = Cluster::start(0).await;
    let creations = (0..64).map(|n| {
        let endpoint = cluster.admin.clone();
        tokio::spawn(async move {
            endpoint
                .call(create(service(
                    &format!("s{n}"),
                    &json!({"type": "NodePort"}),
                )))
                .await
        })
    });
    let mut addresses = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for created in futures::future::join_all(creations).await {
        let Ok(Answer::Object(object)) = created.unwrap() else {
            panic!("an object was expected")
        };
        let spec = object
            .as_any()
            .downcast_ref::<Service>()
            .unwrap()
            .spec
            .clone()
            .unwrap();
        addresses.insert(spec.cluster_ip.unwrap());
        ports.insert(spec.ports.unwrap()[0].node_port.unwrap());
    }
    assert_eq!((addresses.len(), ports.len()), (64, 64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_asked_for_by_many_goes_to_one() {
    let cluster = Cluster::start(0).await;
    let creations = (0..16).map(|n| {
        let endpoint = cluster.admin.clone();
        let object = service(&format!("s{n}"), &json!({"clusterIP": "10.96.200.200"}));
        tokio::spawn(async move { endpoint.call(create(object)).await })
    });
    let ended = futures::future::join_all(creations).await;
    let refused: Vec<String> = ended
        .into_iter()
        .filter_map(|ended| ended.unwrap().err())
        .map(|error| error.message)
        .collect();
    assert_eq!(refused.len(), 15);
    assert!(refused.iter().all(|message| {
        message.ends_with("failed to allocate IP 10.96.200.200: provided IP is already allocated")
    }));
}

#[tokio::test]
async fn what_a_service_gives_up_is_free_again() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let fixed = json!({"clusterIP": "10.96.9.9", "type": "NodePort"});
    let held = cluster.store.snapshot().count(HELD);
    admin.post(SERVICES, &service("a", &fixed)).await;
    assert_eq!(cluster.store.snapshot().count("nodeports/"), 1);
    let merge = [("content-type", "application/merge-patch+json")];
    admin
        .send(
            "PATCH",
            &format!("{SERVICES}/a"),
            &merge,
            r#"{"spec":{"type":"ClusterIP"}}"#,
        )
        .await;
    assert_eq!(cluster.store.snapshot().count("nodeports/"), 0);
    assert_eq!(
        admin.post(SERVICES, &service("b", &fixed)).await.status,
        422
    );
    admin
        .send("DELETE", &format!("{SERVICES}/a"), &[], "")
        .await;
    assert_eq!(cluster.store.snapshot().count(HELD), held);
    assert_eq!(
        admin.post(SERVICES, &service("b", &fixed)).await.status,
        201
    );
}

#[tokio::test]
async fn the_service_kubernetes_has_the_first_address() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    assert_eq!(
        admin.get(&format!("{SERVICES}/kubernetes")).await.json()["spec"]["clusterIP"],
        "10.96.0.1"
    );
    assert_eq!(cluster.server.service_address().to_string(), "10.96.0.1");
}

#[tokio::test]
async fn an_address_says_whose_it_is() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let fixed = json!({"clusterIP": "10.96.9.9"});
    admin.post(SERVICES, &service("a", &fixed)).await;
    let held = format!("{NETWORKING}/ipaddresses/10.96.9.9");
    let address = admin.get(&held).await.json();
    assert_eq!(
        address["spec"]["parentRef"],
        json!({"resource": "services", "namespace": "default", "name": "a"})
    );
    assert_eq!(
        address["metadata"]["labels"]["ipaddress.kubernetes.io/managed-by"],
        "ipallocator.k8s.io"
    );
    // What is given to somebody else meanwhile stays theirs.
    admin.send("DELETE", &held, &[], "").await;
    let other = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress", "metadata": {"name": "10.96.9.9"},
        "spec": {"parentRef": {"resource": "things", "name": "t"}},
    });
    let made = admin
        .post(&format!("{NETWORKING}/ipaddresses"), &other)
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    admin
        .send("DELETE", &format!("{SERVICES}/a"), &[], "")
        .await;
    assert_eq!(admin.get(&held).await.status, 200);
    let refused = admin.post(SERVICES, &service("b", &fixed)).await;
    assert!(
        refused.message().contains("already allocated"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn another_network_gives_more_addresses() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let outside = json!({"clusterIP": "10.97.0.9"});
    assert_eq!(
        admin.post(SERVICES, &service("a", &outside)).await.status,
        422
    );
    let more = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "more"},
        "spec": {"cidrs": ["10.97.0.0/24"]},
    });
    admin
        .post(&format!("{NETWORKING}/servicecidrs"), &more)
        .await;
    assert_eq!(
        admin.post(SERVICES, &service("a", &outside)).await.status,
        201
    );
    let default = admin
        .get(&format!("{NETWORKING}/servicecidrs/kubernetes"))
        .await
        .json();
    assert_eq!(default["spec"]["cidrs"], json!(["10.96.0.0/16"]));
    assert_eq!(default["status"]["conditions"][0]["status"], "True");
}

#[tokio::test]
async fn local_groups_have_services_of_their_own() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let apps = "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps";
    let apps = admin.get(apps).await.json();
    assert_eq!(apps["spec"]["groupPriorityMinimum"], 17800);
    assert_eq!(apps["status"]["conditions"][0]["reason"], "Local");
}

#[tokio::test]
async fn a_condition_without_a_time_has_null_for_it() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(SERVICES, &service("s", &json!({}))).await;
    let words = r#"{"lastTransitionTime":"0001-01-01T00:00:00Z"}"#;
    let condition = json!({"type": "A", "status": "True", "reason": "R", "message": words});
    let patch = json!({"status": {"conditions": [condition]}}).to_string();
    let merge = [("content-type", "application/merge-patch+json")];
    let path = format!("{SERVICES}/s");
    let patched = admin
        .send("PATCH", &format!("{path}/status"), &merge, &patch)
        .await;
    // Read again, written again, and as a table.
    let touched = r#"{"metadata":{"labels":{"a":"b"}}}"#;
    let touched = admin.send("PATCH", &path, &merge, touched).await;
    for service in [patched, touched, admin.get(&path).await] {
        let told = &service.json()["status"]["conditions"][0];
        assert_eq!(told["lastTransitionTime"], Value::Null, "{told}");
        assert_eq!(told["message"], words);
    }
}

#[tokio::test]
async fn a_trial_need_not_find_anything_free() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let ports = |number: i32| {
        json!({"metadata": {"name": "s"}, "spec": {"type": "NodePort",
        "ports": [{"port": 80, "name": "a", "nodePort": number}, {"port": 81, "name": "b"}]}})
    };
    let tried = admin
        .post(&format!("{SERVICES}?dryRun=All"), &ports(5))
        .await;
    let spec = tried.json()["spec"].clone();
    assert_eq!(
        (
            tried.status.as_u16(),
            &spec["clusterIP"],
            &spec["ports"][1]["nodePort"]
        ),
        (201, &json!("10.96.0.0"), &json!(6))
    );
    let refused = admin.post(SERVICES, &ports(5)).await;
    assert_eq!(
        refused.message(),
        "Service \"s\" is invalid: spec.ports[0].nodePort: Invalid value: 5: provided port is not in the valid range. The range \
         of valid ports is 30000-32767"
    );
}

#[tokio::test]
async fn an_address_stays_and_says_so() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(SERVICES, &service("s", &json!({}))).await;
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = r#"{"spec":{"clusterIP":"1.2.3.4","clusterIPs":["1.2.3.4"]}}"#;
    let got = admin
        .send("PATCH", &format!("{SERVICES}/s"), &merge, patch)
        .await;
    assert_eq!(
        got.message(),
        "Service \"s\" is invalid: spec.clusterIPs[0]: Invalid value: [\"1.2.3.4\"]: may not change once set"
    );
}

#[tokio::test]
async fn a_status_is_not_warned_of_for_its_spec() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let created = admin
        .post(
            SERVICES,
            &service("s", &json!({"externalIPs": ["1.2.3.4"]})),
        )
        .await;
    assert!(created.headers.contains_key("warning"));
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = r#"{"metadata":{"labels":{"a":"b"}}}"#;
    let path = format!("{SERVICES}/s/status");
    let written = admin.send("PATCH", &path, &merge, patch).await;
    assert_eq!(written.status, 200);
    assert!(!written.headers.contains_key("warning"));
}

/// The addresses that are held, with their families, in order.
async fn held(client: &mut Client) -> Vec<String> {
    let list = client
        .get(&format!("{NETWORKING}/ipaddresses"))
        .await
        .json();
    let items = list["items"].as_array().unwrap().iter();
    let of_tests = items.filter(|it| {
        it["spec"]["parentRef"]["namespace"] == "default"
            && it["spec"]["parentRef"]["name"] != "kubernetes"
    });
    let told = |it: &Value| {
        let family = &it["metadata"]["labels"]["ipaddress.kubernetes.io/ip-family"];
        format!(
            "{} {}",
            it["metadata"]["name"].as_str().unwrap(),
            family.as_str().unwrap()
        )
    };
    of_tests.map(told).collect()
}

#[tokio::test]
async fn a_cluster_with_both_families_gives_addresses_of_both() {
    let cluster = Cluster::with_services("10.96.0.0/24,fd00:10:96::/112").await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let cidr = admin
        .get(&format!("{NETWORKING}/servicecidrs/kubernetes"))
        .await
        .json();
    assert_eq!(
        cidr["spec"]["cidrs"],
        json!(["10.96.0.0/24", "fd00:10:96::/112"])
    );
    // As ever, where nothing is said.
    let plain = admin
        .post(SERVICES, &service("plain", &json!({})))
        .await
        .json();
    assert_eq!(plain["spec"]["ipFamilies"], json!(["IPv4"]));
    assert_eq!(plain["spec"]["ipFamilyPolicy"], "SingleStack");
    let wishes = json!({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"], "clusterIP": "fd00:10:96::77"});
    let made = admin.post(SERVICES, &service("both", &wishes)).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let spec = made.json()["spec"].take();
    assert_eq!(spec["clusterIP"], "fd00:10:96::77");
    let second = spec["clusterIPs"][1].as_str().unwrap().to_owned();
    assert!(second.starts_with("10.96.0."), "{second}");
    let taken = json!({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"], "clusterIP": "fd00:10:96::77"});
    let refused = admin.post(SERVICES, &service("late", &taken)).await;
    assert_eq!(
        refused.message(),
        "Service \"late\" is invalid: spec.clusterIPs: Invalid value: [\"fd00:10:96::77\",\"\"]: failed to allocate IP fd00:10:96::77: \
         provided IP is already allocated"
    );
    // One more, and back.
    let path = format!("{SERVICES}/plain");
    let merge = [("content-type", "application/merge-patch+json")];
    let more = json!({"spec": {"ipFamilyPolicy": "PreferDualStack"}}).to_string();
    let spec = admin.send("PATCH", &path, &merge, more).await.json()["spec"].take();
    let first = plain["spec"]["clusterIP"].as_str().unwrap().to_owned();
    assert_eq!(spec["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(spec["clusterIPs"][0], json!(first));
    let added = spec["clusterIPs"][1].as_str().unwrap().to_owned();
    assert!(added.starts_with("fd00:10:96::"), "{added}");
    let mut all = vec![
        format!("{second} IPv4"),
        format!("{first} IPv4"),
        format!("{added} IPv6"),
        "fd00:10:96::77 IPv6".to_owned(),
    ];
    all.sort();
    assert_eq!(held(&mut admin).await, all);
    let less = json!({"spec": {"ipFamilyPolicy": "SingleStack"}}).to_string();
    let spec = admin.send("PATCH", &path, &merge, less).await.json()["spec"].take();
    assert_eq!(spec["clusterIPs"], json!([first]));
    let deleted = admin
        .send("DELETE", &format!("{SERVICES}/both"), &[], String::new())
        .await;
    assert_eq!(deleted.status, 200);
    assert_eq!(held(&mut admin).await, [format!("{first} IPv4")]);
}

#[tokio::test]
async fn the_port_of_a_health_check_goes_with_what_it_is_for() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30123});
    let made = admin.post(SERVICES, &service("a", &local)).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let merge = [("content-type", "application/merge-patch+json")];
    let path = format!("{SERVICES}/a");
    for change in [
        json!({"spec": {"externalTrafficPolicy": "Cluster"}}),
        json!({"spec": {"externalTrafficPolicy": "Local", "healthCheckNodePort": 30123}}),
        json!({"spec": {"type": "NodePort"}}),
        json!({"spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30123}}),
        json!({"spec": {"externalTrafficPolicy": "Cluster"}}),
    ] {
        let changed = admin.send("PATCH", &path, &merge, change.to_string()).await;
        assert_eq!(changed.status, 200, "{change}: {}", changed.message());
    }
    let deleted = admin.send("DELETE", &path, &[], String::new()).await;
    assert_eq!(deleted.status, 200);
    let made = admin.post(SERVICES, &service("b", &local)).await;
    assert_eq!(made.status, 201, "{}", made.message());
}

#[tokio::test]
async fn a_cluster_may_get_the_other_family() {
    let cluster = Cluster::with_services("10.96.0.0/24").await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let wishes = json!({"ipFamilyPolicy": "PreferDualStack"});
    let before = admin.post(SERVICES, &service("a", &wishes)).await.json();
    assert_eq!(before["spec"]["ipFamilies"], json!(["IPv4"]));
    let cluster =
        Cluster::on_services(cluster.store.clone(), "10.96.0.0/24,fd00:10:96::/112").await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let cidr = admin
        .get(&format!("{NETWORKING}/servicecidrs/kubernetes"))
        .await
        .json();
    assert_eq!(
        cidr["spec"]["cidrs"],
        json!(["10.96.0.0/24", "fd00:10:96::/112"])
    );
    // What a service has stays by a change of something else.
    let merge = [("content-type", "application/merge-patch+json")];
    let labelled = json!({"metadata": {"labels": {"a": "b"}}}).to_string();
    let after = admin
        .send("PATCH", &format!("{SERVICES}/a"), &merge, labelled)
        .await;
    assert_eq!(after.status, 200, "{}", after.message());
    assert_eq!(after.json()["spec"], before["spec"]);
    let made = admin.post(SERVICES, &service("b", &wishes)).await.json();
    assert_eq!(made["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
}
