use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use navarch_api::call::Body;
use navarch_client::{ObjectKey, Snapshot};
use serde_json::{Value, json};

use super::{View, plan};

fn pod(number: usize, ready: bool, port: i32) -> Pod {
    let ready = if ready { "True" } else { "False" };
    let name = format!("p{number:04}");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "ns", "name": name, "uid": name, "labels": {"app": "a"}},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]},
        "status": {
            "phase": "Running", "podIP": format!("10.0.{}.{}", number / 250, number % 250),
            "conditions": [{"type": "Ready", "status": ready}],
        },
    });
    serde_json::from_value(pod).unwrap()
}

fn service(spec: Value) -> Service {
    let metadata = json!({"namespace": "ns", "name": "s", "labels": {"own": "label"}});
    serde_json::from_value(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}),
    )
    .unwrap()
}

fn usual() -> Service {
    service(
        json!({"selector": {"app": "a"}, "clusterIP": "10.96.0.9", "ports": [{"port": 80, "targetPort": "web"}]}),
    )
}

fn planned(services: Vec<Service>, pods: Vec<Pod>, endpoints: Vec<Endpoints>) -> Option<Value> {
    planned_after(&[], services, pods, endpoints)
}

/// The plan when the services of these names were seen to go.
fn planned_after(
    went: &[&str],
    services: Vec<Service>,
    pods: Vec<Pod>,
    endpoints: Vec<Endpoints>,
) -> Option<Value> {
    let view = View {
        services: Snapshot::of(services, &[]),
        pods: Snapshot::of(pods, &[]),
        endpoints: Snapshot::of(endpoints, &[]),
        went: went.iter().map(|name| ObjectKey::new("ns", name)).collect(),
    };
    let plan = plan(&view, &ObjectKey::new("ns", "s"));
    assert!(plan.actions().count() <= 1);
    let action = plan.actions().next()?;
    Some(match &action.call.body {
        Body::Object(object) => {
            let mut bytes = Vec::new();
            object.encode(&mut bytes);
            serde_json::from_slice(&bytes).unwrap()
        }
        _ => json!(action.call.verb.as_str()),
    })
}

#[test]
fn pods_with_the_same_ports_share_a_subset() {
    let made = planned(
        vec![usual()],
        vec![
            pod(2, true, 80),
            pod(1, true, 80),
            pod(3, false, 80),
            pod(4, true, 81),
        ],
        vec![],
    );
    let made = made.unwrap();
    let ips = |of: &Value| -> Vec<String> {
        of.as_array()
            .into_iter()
            .flatten()
            .map(|a| a["ip"].as_str().unwrap().to_owned())
            .collect()
    };
    let subsets = made["subsets"].as_array().unwrap();
    assert_eq!(subsets.len(), 2);
    assert_eq!(ips(&subsets[0]["addresses"]), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(ips(&subsets[0]["notReadyAddresses"]), ["10.0.0.3"]);
    assert_eq!(
        subsets[0]["ports"],
        json!([{"port": 80, "protocol": "TCP"}])
    );
    assert_eq!(ips(&subsets[1]["addresses"]), ["10.0.0.4"]);
    assert_eq!(
        made["metadata"]["labels"],
        json!({"own": "label", "endpoints.kubernetes.io/managed-by": "endpoint-controller"})
    );
    let current: Endpoints = serde_json::from_value(made).unwrap();
    assert_eq!(
        planned(
            vec![usual()],
            vec![
                pod(1, true, 80),
                pod(2, true, 80),
                pod(3, false, 80),
                pod(4, true, 81)
            ],
            vec![current]
        ),
        None
    );
}

#[test]
fn what_is_over_the_capacity_is_left_out_and_said() {
    let pods = (0..1001).map(|n| pod(n, n > 0, 80)).collect();
    let made = planned(vec![usual()], pods, vec![]).unwrap();
    assert_eq!(
        made["subsets"][0]["addresses"].as_array().unwrap().len(),
        1000
    );
    assert_eq!(made["subsets"][0]["notReadyAddresses"], Value::Null);
    assert_eq!(
        made["metadata"]["annotations"],
        json!({"endpoints.kubernetes.io/over-capacity": "truncated"})
    );
    let current: Endpoints = serde_json::from_value(made).unwrap();
    let made = planned(vec![usual()], vec![pod(1, true, 80)], vec![current]).unwrap();
    assert_eq!(made["metadata"]["annotations"], Value::Null);
}

#[test]
fn a_headless_service_is_marked_and_needs_no_ports() {
    let made = planned(
        vec![service(
            json!({"selector": {"app": "a"}, "clusterIP": "None"}),
        )],
        vec![pod(1, true, 80)],
        vec![],
    );
    let made = made.unwrap();
    assert_eq!(made["subsets"][0]["ports"], Value::Null);
    assert_eq!(made["subsets"][0]["addresses"][0]["ip"], "10.0.0.1");
    assert_eq!(
        made["metadata"]["labels"]["service.kubernetes.io/headless"],
        ""
    );
}

#[test]
fn terminating_pods_are_left_out_unless_all_are_published() {
    let mut going = pod(1, true, 80);
    going.metadata.deletion_timestamp = Some(jiff::Timestamp::UNIX_EPOCH.into());
    let made = planned(vec![usual()], vec![going.clone()], vec![]).unwrap();
    assert_eq!(made["subsets"], Value::Null);
    let mut all = usual();
    all.spec.as_mut().unwrap().publish_not_ready_addresses = Some(true);
    let made = planned(vec![all], vec![going, pod(2, false, 80)], vec![]).unwrap();
    assert_eq!(made["subsets"][0]["addresses"].as_array().unwrap().len(), 2);
}

#[test]
fn without_a_selector_or_a_service_others_endpoints_stay() {
    let made: Endpoints =
        serde_json::from_value(json!({"metadata": {"namespace": "ns", "name": "s"}})).unwrap();
    assert_eq!(
        planned(
            vec![service(json!({"clusterIP": "10.96.0.9"}))],
            vec![],
            vec![made.clone()]
        ),
        None
    );
    assert_eq!(planned(vec![], vec![], vec![made.clone()]), None);
    assert_eq!(
        planned_after(&["s"], vec![], vec![], vec![made.clone()]),
        Some(json!("delete"))
    );
    let mut ours = made;
    let label = (
        "endpoints.kubernetes.io/managed-by".to_owned(),
        "endpoint-controller".to_owned(),
    );
    ours.metadata.labels = Some([label].into());
    assert_eq!(planned(vec![], vec![], vec![ours]), Some(json!("delete")));
}
