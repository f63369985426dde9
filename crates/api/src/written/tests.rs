use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event, LimitRange, Node, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event as NewEvent;
use k8s_openapi::api::flowcontrol::v1::PriorityLevelConfiguration;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use navarch_machinery::object::Object;
use serde_json::{Value, json};

use super::search::holds_empties;
use crate::schema::schema;
use crate::strategy::{Hooks, Strategy, TypedStrategy};

/// What is written of an object that was read from `sent`.
fn written<T: Hooks>(mut sent: Value) -> Value {
    let strategy = TypedStrategy::<T>::new(true);
    sent["apiVersion"] = T::API_VERSION.into();
    sent["kind"] = T::KIND.into();
    let object = strategy.decode(sent.to_string().as_bytes()).unwrap().object;
    let mut out = Vec::new();
    strategy.encode(&*object, &mut out);
    let mut value: Value = serde_json::from_slice(&out).unwrap();
    // What was written must be readable.
    strategy.decode_stored(&out).unwrap();
    for member in ["apiVersion", "kind", "metadata"] {
        value.as_object_mut().unwrap().remove(member);
    }
    value
}

#[test]
fn what_is_empty_is_left_out_wherever_it_is() {
    let pod = written::<Pod>(json!({"spec": {
        "hostNetwork": false,
        "imagePullSecrets": [{"name": ""}],
        "dnsConfig": {"nameservers": [], "options": [{"name": "a", "value": ""}], "searches": []},
        "containers": [{"name": "", "args": [], "image": "a", "stdin": false, "env": [
            {"name": "A", "value": ""},
            {"name": "B", "valueFrom": {"resourceFieldRef": {"containerName": "", "resource": "limits.cpu"}}},
        ], "resources": {}}],
        "volumes": [
            {"name": "a", "emptyDir": {"medium": ""}},
            {"name": "b", "csi": {"driver": "", "volumeAttributes": {}}},
            {"name": "c", "gcePersistentDisk": {"pdName": "p", "partition": 0, "readOnly": false}},
        ],
    }}));
    assert_eq!(
        pod,
        json!({"spec": {
            "imagePullSecrets": [{}],
            // A pointer in Go: empty is not none.
            "dnsConfig": {"options": [{"name": "a", "value": ""}]},
            "containers": [{"name": "", "image": "a", "env": [
                {"name": "A"},
                {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            ], "resources": {}}],
            "volumes": [
                {"name": "a", "emptyDir": {}},
                {"name": "b", "csi": {"driver": ""}},
                {"name": "c", "gcePersistentDisk": {"pdName": "p"}},
            ],
        }})
    );
}

#[test]
fn what_is_empty_is_gone_in_the_object_too() {
    let strategy = TypedStrategy::<Pod>::new(true);
    let sent = r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[],"dnsConfig":{"nameservers": [ ]}}}"#;
    let slice = TypedStrategy::<EndpointSlice>::new(true);
    let ports = r#"{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","ports":[]}"#;
    let mut decoded = slice.decode(ports.as_bytes()).unwrap();
    let read = |object: &dyn Object| object.as_any().downcast_ref::<EndpointSlice>().cloned();
    // The slice's own list is one until its owner is told.
    assert_eq!(read(&*decoded.object).unwrap().ports, Some(Vec::new()));
    slice.settle(&mut *decoded.object);
    assert_eq!(read(&*decoded.object).unwrap().ports, None);
    let decoded = strategy.decode(sent.as_bytes()).unwrap();
    let pod: &Pod = decoded.object.as_any().downcast_ref().unwrap();
    let dns = pod.spec.as_ref().unwrap().dns_config.as_ref().unwrap();
    assert_eq!(dns.nameservers, None);
}

#[test]
fn texts_in_maps_and_unknown_json_stay() {
    let pod = json!({"spec": {"containers": [], "nodeSelector": {"a": "", "spec": "[]"}}});
    assert_eq!(
        written::<Pod>(pod),
        json!({"spec": {"containers": null, "nodeSelector": {"a": "", "spec": "[]"}}})
    );
}

#[test]
fn times_that_nobody_gave_are_null() {
    let condition = json!({"type": "Ready", "status": "True", "reason": "", "message": "\"}],"});
    let node = written::<Node>(json!({"status": {"conditions": [condition], "images": [{}]}}));
    assert_eq!(
        node,
        json!({"status": {"conditions": [{
            "type": "Ready", "status": "True", "message": "\"}],",
            "lastHeartbeatTime": null, "lastTransitionTime": null,
        }], "images": [{"names": null}]}})
    );
    let condition =
        json!({"type": "A", "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z"});
    let deployment = written::<Deployment>(json!({"status": {"conditions": [condition]}}));
    let conditions = &deployment["status"]["conditions"][0];
    assert_eq!(conditions["lastUpdateTime"], "2026-01-01T00:00:00Z");
    assert_eq!(conditions.get("lastTransitionTime"), Some(&Value::Null));
    let event = written::<Event>(json!({"series": {"count": 0}}));
    assert_eq!(event["series"], json!({"lastObservedTime": null}));
    assert_eq!(event.get("firstTimestamp"), Some(&Value::Null));
    let series = json!({"count": 2, "lastObservedTime": "0001-01-01T00:00:00.000000Z"});
    let event =
        written::<NewEvent>(json!({"eventTime": "0001-01-01T00:00:00.000000Z", "series": series}));
    assert_eq!(event.get("eventTime"), Some(&Value::Null));
    assert_eq!(
        event["series"],
        json!({"count": 2, "lastObservedTime": null})
    );
    let budget = json!({"status": {"disruptedPods": {"a": "0001-01-01T00:00:00Z"}}});
    let budget = written::<PodDisruptionBudget>(budget);
    assert_eq!(budget["status"]["disruptedPods"], json!({"a": null}));
}

#[test]
fn lists_that_are_always_written_are_null_where_they_are_empty() {
    let slice = written::<EndpointSlice>(json!({"addressType": "IPv4", "ports": []}));
    assert_eq!(
        slice,
        json!({"addressType": "IPv4", "ports": null, "endpoints": null})
    );
    let range = written::<LimitRange>(json!({"spec": {"limits": []}}));
    assert_eq!(range, json!({"spec": {"limits": null}}));
}

#[test]
fn a_number_behind_a_pointer_stays() {
    let level = json!({"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0}}});
    let level = written::<PriorityLevelConfiguration>(level);
    assert_eq!(level["spec"]["limited"]["nominalConcurrencyShares"], 0);
    let level = json!({"spec": {"type": "Limited", "limited": {}}});
    let level = written::<PriorityLevelConfiguration>(level);
    assert_eq!(
        level["spec"]["limited"],
        json!({"nominalConcurrencyShares": null})
    );
}

#[test]
fn what_validation_tells_apart_stays_until_it_is_written() {
    let strategy = TypedStrategy::<HorizontalPodAutoscaler>::new(true);
    let sent = r#"{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"behavior":{"scaleUp":{"policies":[]}}}}"#;
    let decoded = strategy.decode(sent.as_bytes()).unwrap();
    let read: &HorizontalPodAutoscaler = decoded.object.as_any().downcast_ref().unwrap();
    let behavior = read.spec.behavior.as_ref().unwrap();
    let up = behavior.scale_up.as_ref().unwrap();
    assert_eq!(up.policies.as_deref(), Some(&[][..]));
}

#[test]
fn only_what_would_go_is_found() {
    let pod = schema().kind("", "v1", "Pod").unwrap();
    let check = |json: &str, found: bool| {
        assert_eq!(holds_empties(json.as_bytes(), pod), found, "{json}");
    };
    check(
        r#" { "metadata": {"labels": {}, "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
            "spec": {"containers": [ {"name": "", "resources": { }, "image": "a\\\"\":\"\""}, {} ] , "volumes": [
                {"name": "a", "emptyDir": {}}], "nodeSelector": {"a": ""}, "hostNetwork": true, "terminationGracePeriodSeconds": 0},
            "status": {}, "unknown": [] } "#,
        false,
    );
    for spec in [
        r#""nodeSelector": { }"#,
        r#""volumes":[ ]"#,
        r#""nodeName":"""#,
        r#""hostNetwork":false"#,
        r#""dnsConfig" : { "options":[{"name":"a"}], "searches" :[] }"#,
        r#""nodeSelector":{"a":"\\"},"containers":[{},{"args":[]}]"#,
        // An escape may be any letter.
        r#""n\u006fdeName":"""#,
    ] {
        check(&format!(r#"{{"spec":{{{spec}}}}}"#), true);
    }
    for broken in [
        "",
        "[",
        "{",
        r#"{"spec"#,
        r#"{"spec":{"containers":[{"#,
        r#"{"spec":{"nodeName":"a\"#,
    ] {
        check(broken, false);
    }
}
