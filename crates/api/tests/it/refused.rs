//! What is refused of new objects, in the words of Kubernetes 1.36, where no recorded conversation has it.

use serde_json::{Value, json};

use crate::hooks::{Kind, words};

/// What is found of a new object that has a name, and needs no namespace here.
fn found(kind: &Kind, body: &Value) -> Vec<String> {
    let mut body = body.clone();
    body["metadata"]["name"] = "x".into();
    let strategy = kind.strategy();
    let mut object = kind.read(&body);
    strategy.prepare_for_create(&mut *object);
    let mut errors = strategy.validate(&*object);
    errors.extend(strategy.validate_create(&*object));
    errors.retain(|error| error.path.as_str() != "metadata.namespace");
    words(&errors)
}

const NODES: Kind = Kind("", "nodes");

#[test]
fn the_first_of_a_nodes_networks_is_the_one() {
    let written = |spec: Value| NODES.write(&*NODES.read(&json!({"spec": spec})))["spec"].clone();
    assert_eq!(
        written(json!({"podCIDRs": ["10.0.0.0/24", "fd00::/64"]})),
        json!({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]})
    );
    assert_eq!(
        written(json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["x"]})),
        json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]})
    );
    let bad = json!({"spec": {"podCIDRs": ["10.0.0.0/24", ""]}});
    assert_eq!(
        found(&NODES, &bad)[1],
        "spec.podCIDRs: Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[1]: <nil> \
         (invalid CIDR address: )"
    );
}

#[test]
fn features_of_a_node_are_named_and_sorted() {
    let node = |features: &[&str]| json!({"status": {"declaredFeatures": features}});
    assert_eq!(found(&NODES, &node(&["Aa/b1", "B"])), [""; 0]);
    assert_eq!(
        found(&NODES, &node(&["B", "A"])),
        ["status.declaredFeatures[1]: Invalid value: \"A\": list must be sorted alphabetically"]
    );
    assert_eq!(
        found(&NODES, &node(&["a"])),
        [
            "status.declaredFeatures[0]: Invalid value: \"a\": invalid feature name \"a\": must start with an UpperCamelCase \
             segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only \
             alphanumeric characters and slashes"
        ]
    );
    let empty = json!({"status": {"capacity": {"cpu": "1"}, "allocatable": {}}});
    let node = NODES.write(&*NODES.read(&empty));
    assert_eq!(node["status"]["allocatable"], json!({"cpu": "1"}));
}

fn template(labels: &Value) -> Value {
    json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[test]
fn a_template_that_is_not_selected_is_told_as_it_is() {
    let kind = Kind("", "replicationcontrollers");
    let bad =
        json!({"spec": {"selector": {"bad key!": "v"}, "template": template(&json!({"a": "b"}))}});
    assert_eq!(
        found(&kind, &bad),
        [
            "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"
        ]
    );
    let kind = Kind("apps", "deployments");
    let selector = json!({"matchLabels": {"a": "b"}});
    let none = json!({"spec": {"selector": selector, "template": template(&json!({}))}});
    assert_eq!(
        found(&kind, &none),
        [
            "spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`"
        ]
    );
}

#[test]
fn claims_of_one_name_make_one_volume() {
    let claim = json!({
        "metadata": {"name": "v"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let set = json!({"spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": template(&json!({"a": "b"})),
        "volumeClaimTemplates": [claim, claim],
    }});
    assert_eq!(found(&Kind("apps", "statefulsets"), &set), [""; 0]);
}

#[test]
fn a_volume_without_capacity_is_told_from_one_whose_is_empty() {
    let kind = Kind("", "persistentvolumes");
    let volume = |capacity: Value| json!({"spec": {"accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/a"}, "capacity": capacity}});
    let of = |shown: &str| {
        format!("spec.capacity: Unsupported value: {shown}: supported values: \"storage\"")
    };
    assert_eq!(found(&kind, &volume(json!({})))[1], of("{}"));
    assert_eq!(found(&kind, &volume(Value::Null))[1], of("null"));
    let written = kind.write(&*kind.read(&volume(json!({}))));
    assert_eq!(written["spec"].get("capacity"), None);
}

#[test]
fn questions_about_labels_are_checked_as_labels() {
    let kind = Kind("authorization.k8s.io", "subjectaccessreviews");
    let review = json!({"spec": {"user": "u", "resourceAttributes": {"labelSelector": {"requirements": [
        {"key": "", "operator": "In", "values": ["no way"]},
    ]}}}});
    let mut errors = words(&kind.strategy().validate_create(&*kind.read(&review)));
    let path = "spec.resourceAttributes.labelSelector.requirements[0]";
    let last = errors.pop().unwrap();
    assert!(
        last.starts_with(&format!(
            "{path}.values[0]: Invalid value: \"no way\": a valid label"
        )),
        "{last}"
    );
    assert_eq!(
        errors[0],
        format!("{path}.key: Invalid value: \"\": name part must be non-empty")
    );
    let kind = Kind("authorization.k8s.io", "localsubjectaccessreviews");
    let local = json!({
        "metadata": {"name": "n", "namespace": "d", "uid": "u", "labels": {"a": "b"}},
        "spec": {"user": "u", "nonResourceAttributes": {"path": "/", "verb": "get"}},
    });
    assert_eq!(
        words(&kind.strategy().validate_create(&*kind.read(&local)))[0],
        "metadata: Invalid value: {\"name\":\"n\",\"namespace\":\"d\",\"labels\":{\"a\":\"b\"}}: must be empty except for namespace"
    );
}

#[test]
fn the_name_of_an_event_is_told_once() {
    let kind = Kind("events.k8s.io", "events");
    let event = json!({
        "metadata": {"name": "a/b", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "r", "action": "a",
        "reportingController": "c", "reportingInstance": "i", "regarding": {"namespace": "default"},
    });
    let object = kind.read(&event);
    let mut errors = kind.strategy().validate(&*object);
    errors.extend(kind.strategy().validate_create(&*object));
    let [error] = &words(&errors)[..] else {
        panic!("{errors:?}");
    };
    assert!(error.contains("a lowercase RFC 1123 subdomain"), "{error}");
}

#[test]
fn a_toleration_of_devices_that_does_not_say_how_is_of_equals() {
    let kind = Kind("resource.k8s.io", "resourceclaims");
    let claim = json!({"spec": {"devices": {"requests": [{"name": "r", "exactly": {
        "deviceClassName": "c", "tolerations": [{"key": "k", "operator": "", "value": "v"}],
    }}]}}});
    assert_eq!(found(&kind, &claim), [""; 0]);
    let written = kind.write(&*kind.read(&claim));
    let toleration = &written["spec"]["devices"]["requests"][0]["exactly"]["tolerations"][0];
    assert_eq!(toleration["operator"], "Equal");
}

#[test]
fn addresses_that_are_none_are_told_of_their_list_too() {
    let kind = Kind("", "pods");
    let pod = |ips: Value| {
        kind.read(&json!({
            "metadata": {"name": "p", "namespace": "d", "resourceVersion": "1"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
            "status": {"podIPs": ips},
        }))
    };
    let (old, new) = (
        pod(json!([])),
        pod(json!([{"ip": "1.2.3.4"}, {"ip": "zz"}])),
    );
    let part = navarch_api::strategy::Part::Status;
    let errors = words(&kind.strategy().validate_update(part, &*new, &*old));
    assert!(
        errors.contains(
            &"status.podIPs: Internal error: failed to check for dual stack with error:invalid IP[1]: zz".to_owned()
        ),
        "{errors:?}"
    );
}

#[test]
fn a_count_of_collisions_that_was_not_there_is_not_decremented() {
    let kind = Kind("apps", "deployments");
    let deployment = |status: Value| {
        kind.read(&json!({
            "metadata": {"name": "p", "namespace": "d", "resourceVersion": "1"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template(&json!({"a": "b"}))},
            "status": status,
        }))
    };
    let (old, new) = (
        deployment(json!({})),
        deployment(json!({"collisionCount": -1})),
    );
    let part = navarch_api::strategy::Part::Status;
    assert_eq!(
        words(&kind.strategy().validate_update(part, &*new, &*old)),
        ["status.collisionCount: Invalid value: -1: must be greater than or equal to 0"]
    );
}
