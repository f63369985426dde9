use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use navarch_machinery::field::ErrorList;
use navarch_machinery::object::Object;
use serde_json::{Value, json};

use crate::pod::{default_template, validate_template_alone};
use crate::strategy::{Part, Strategy, TypedStrategy};

fn strategy() -> Arc<dyn Strategy> {
    Arc::new(TypedStrategy::<Pod>::new(true))
}

/// What the pipeline does to a new pod, but for admission.
fn create(body: &Value) -> (Box<dyn Object>, ErrorList) {
    let strategy = strategy();
    let mut body = body.clone();
    body["metadata"]["namespace"] = "default".into();
    let mut pod = strategy.decode(body.to_string().as_bytes()).unwrap().object;
    strategy.apply_defaults(&mut *pod);
    strategy.prepare_for_create(&mut *pod);
    let mut errors = strategy.validate(&*pod);
    errors.extend(strategy.validate_create(&*pod));
    (pod, errors)
}

/// What the pipeline does to a changed pod, but for admission.
fn update(part: Part, new: &Value, old: &Value) -> (Box<dyn Object>, ErrorList) {
    let strategy = strategy();
    let old = strategy.decode_stored(old.to_string().as_bytes()).unwrap();
    let mut pod = strategy.decode(new.to_string().as_bytes()).unwrap().object;
    strategy.apply_defaults(&mut *pod);
    strategy.prepare_for_update(part, &mut *pod, &*old);
    let errors = strategy.validate_update(part, &*pod, &*old);
    (pod, errors)
}

fn causes(errors: &ErrorList) -> Value {
    let cause = |error: &navarch_machinery::field::Error| {
        let body = error.body();
        let message = body.split("\n@@").next().unwrap_or_default().to_owned();
        json!({"field": error.path.as_str(), "message": message, "reason": error.kind.reason()})
    };
    Value::Array(errors.iter().map(cause).collect())
}

fn encoded(pod: &dyn Object) -> Value {
    let mut out = Vec::new();
    strategy().encode(pod, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// What admission adds to a pod, taken away again.
fn without_admission(mut pod: Value) -> Value {
    let spec = &mut pod["spec"];
    for field in [
        "priority",
        "preemptionPolicy",
        "serviceAccount",
        "serviceAccountName",
        "tolerations",
        "volumes",
    ] {
        spec.as_object_mut().unwrap().remove(field);
    }
    for container in spec["containers"].as_array_mut().unwrap() {
        container.as_object_mut().unwrap().remove("volumeMounts");
    }
    pod["metadata"] =
        json!({"name": pod["metadata"]["name"], "generation": pod["metadata"]["generation"]});
    pod
}

fn compare(title: &str, want: &Value, found: &Value, failures: &mut Vec<String>) {
    if want != found {
        failures.push(format!("{title}\n  want {want}\n  got  {found}"));
    }
}

#[test]
fn recorded_creations_are_judged_as_kubernetes_judges_them() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/pod-writes.json")).unwrap();
    let mut failures = Vec::new();
    for case in recorded["creates"].as_array().unwrap() {
        let title = case["title"].as_str().unwrap();
        let (pod, errors) = create(&case["body"]);
        let want = case.get("causes").cloned().unwrap_or_else(|| json!([]));
        compare(title, &want, &causes(&errors), &mut failures);
        if let Some(made) = case.get("made") {
            compare(
                title,
                &without_admission(made.clone()),
                &without_admission(encoded(&*pod)),
                &mut failures,
            );
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn recorded_updates_are_judged_as_kubernetes_judges_them() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/pod-writes.json")).unwrap();
    let mut failures = Vec::new();
    for case in recorded["updates"].as_array().unwrap() {
        let title = case["title"].as_str().unwrap();
        let (pod, errors) = update(Part::Main, &case["new"], &case["old"]);
        let want = case.get("causes").cloned().unwrap_or_else(|| json!([]));
        compare(title, &want, &causes(&errors), &mut failures);
        if let Some(made) = case.get("made") {
            let found = encoded(&*pod);
            compare(title, &made["spec"], &found["spec"], &mut failures);
            compare(
                title,
                &made["metadata"]["generation"],
                &found["metadata"]["generation"],
                &mut failures,
            );
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn recorded_subresources_are_written_as_kubernetes_writes_them() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/pod-subresources.json")).unwrap();
    let mut failures = Vec::new();
    for case in recorded.as_array().unwrap() {
        let (title, part) = match case["path"].as_str().unwrap() {
            "status" => ("status", Part::Status),
            "resize" => ("resize", Part::Other("resize")),
            _ => ("ephemeralcontainers", Part::Other("ephemeralcontainers")),
        };
        let (pod, errors) = update(part, &case["new"], &case["old"]);
        let want = case.get("causes").cloned().unwrap_or_else(|| json!([]));
        compare(title, &want, &causes(&errors), &mut failures);
        if let Some(made) = case.get("made") {
            let found = encoded(&*pod);
            for part in ["spec", "status"] {
                compare(title, &made[part], &found[part], &mut failures);
            }
            compare(
                title,
                &made["metadata"]["generation"],
                &found["metadata"]["generation"],
                &mut failures,
            );
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn recorded_templates_get_the_defaults_of_templates() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/pod-templates.json")).unwrap();
    for case in recorded.as_array().unwrap() {
        let mut template: PodTemplateSpec =
            serde_json::from_value(case["template"].clone()).unwrap();
        default_template(&mut template);
        assert_eq!(
            serde_json::to_value(&template).unwrap(),
            case["made"],
            "{}",
            case["from"]
        );
        let errors =
            validate_template_alone(&template, &navarch_machinery::field::Path::new("template"));
        assert_eq!(errors, ErrorList::new(), "{}", case["from"]);
    }
}

/// A pod with one container and what is said besides.
#[allow(clippy::needless_pass_by_value)]
fn pod(spec: Value, status: Value) -> Pod {
    let mut whole = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}, "status": status});
    for (name, value) in spec.as_object().unwrap() {
        whole["spec"][name] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

fn found(spec: Value) -> Vec<String> {
    let mut body = serde_json::to_value(pod(spec, Value::Null)).unwrap();
    body["apiVersion"] = "v1".into();
    body["kind"] = "Pod".into();
    create(&body).1.iter().map(ToString::to_string).collect()
}

#[test]
fn messages_beyond_the_recordings() {
    let resources =
        |limits: Value| json!({"containers": [{"name": "c", "image": "i:1", "resources": limits}]});
    let one = |field: &str, value: Value| {
        let mut container = json!({"name": "c", "image": "i:1"});
        container[field] = value;
        json!({"containers": [container]})
    };
    for (spec, want) in [
        (
            json!({"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 5}}]}}]}),
            vec![
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration \
                 less than 10 minutes",
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is \
                 not set",
            ],
        ),
        (
            resources(json!({"requests": {"example.com/gpu": "1"}})),
            vec![
                "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
            ],
        ),
        (
            one(
                "env",
                json!([{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]),
            ),
            vec![
                "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"metadata.labels\": supported values: \
                 \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \
                 \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            ],
        ),
        (
            one(
                "env",
                json!([{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}}]),
            ),
            vec![],
        ),
        (
            one("lifecycle", json!({"preStop": {"sleep": {"seconds": 31}}})),
            vec![
                "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than \
                 terminationGracePeriodSeconds (30)",
            ],
        ),
        (
            json!({"tolerations": [{"operator": "Gt", "key": "k", "value": "1"}]}),
            vec![
                "spec.tolerations[0].operator: Unsupported value: \"Gt\": supported values: \"Equal\", \"Exists\", \"Lt\", \"Gt\"",
            ],
        ),
        (
            json!({"schedulingGates": [{"name": "g"}], "nodeName": "n"}),
            vec![
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
            ],
        ),
        (
            json!({"hostAliases": [{"ip": "010.0.0.1", "hostnames": ["a"]}]}),
            vec!["spec.hostAliases[0].ip: Invalid value: \"010.0.0.1\": must not have leading 0s"],
        ),
        (
            json!({"resources": {"limits": {"cpu": "1"}}, "containers": [
                {"name": "c", "image": "i:1", "resources": {"limits": {"cpu": "2"}}}]}),
            vec![
                "spec.resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
                "spec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal to pod limits of 1",
            ],
        ),
        (
            json!({"topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1, "labelSelector": {}},
                {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}]}),
            vec![
                "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{z, ScheduleAnyway}\"",
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if \
                 whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            ],
        ),
    ] {
        assert_eq!(found(spec.clone()), want, "{spec}");
    }
}

#[test]
fn the_status_column_says_what_kubectl_says() {
    let now: jiff::Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    let terminated = |code: i32, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-01-01T00:05:00Z"}});
    let status = |name: &str, state: Value| json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
    let running = json!({"name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 3, "state": {"running": {}},
        "lastState": terminated(1, "Error")});
    let init = json!({"initContainers": [{"name": "i", "image": "i"}]});
    let sidecar =
        json!({"initContainers": [{"name": "i", "image": "i", "restartPolicy": "Always"}]});
    for (spec, status, want) in [
        (
            json!({}),
            json!({"phase": "Pending"}),
            ["0/1", "Pending", "0"],
        ),
        (
            json!({}),
            json!({"phase": "Running", "containerStatuses": [running]}),
            ["1/1", "Running", "3 (5m ago)"],
        ),
        (
            json!({}),
            json!({"phase": "Running", "containerStatuses": [status("c", json!({"waiting": {"reason": "CrashLoopBackOff"}}))]}),
            ["0/1", "CrashLoopBackOff", "0"],
        ),
        (
            json!({}),
            json!({"phase": "Succeeded", "containerStatuses": [status("c", terminated(0, "Completed"))]}),
            ["0/1", "Completed", "0"],
        ),
        (
            json!({}),
            json!({"phase": "Failed", "containerStatuses": [status("c", terminated(137, ""))]}),
            ["0/1", "ExitCode:137", "0"],
        ),
        (
            init.clone(),
            json!({"phase": "Pending", "initContainerStatuses": [status("i", json!({"running": {}}))]}),
            ["0/1", "Init:0/1", "0"],
        ),
        (
            init,
            json!({"phase": "Pending", "initContainerStatuses": [status("i", terminated(1, "Error"))]}),
            ["0/1", "Init:Error", "0"],
        ),
        (
            sidecar,
            json!({"phase": "Running", "containerStatuses": [running], "initContainerStatuses": [
                {"name": "i", "image": "i", "imageID": "", "ready": true, "started": true, "restartCount": 1, "state": {"running": {}}}]}),
            ["2/2", "Running", "4 (5m ago)"],
        ),
    ] {
        let cells = super::columns::cells(&pod(spec, status.clone()), now);
        let cells: Vec<&str> = cells[1..4]
            .iter()
            .map(|cell| cell.as_str().unwrap())
            .collect();
        assert_eq!(cells, want, "{status}");
    }
}

#[test]
fn quality_of_service_follows_requests_and_limits() {
    let of = |resources: Value| {
        super::qos_class(&pod(
            json!({"containers": [{"name": "c", "image": "i", "resources": resources}]}),
            Value::Null,
        ))
    };
    assert_eq!(of(json!({})), "BestEffort");
    assert_eq!(of(json!({"requests": {"cpu": "0"}})), "BestEffort");
    assert_eq!(of(json!({"requests": {"cpu": "1"}})), "Burstable");
    let same = json!({"cpu": "1000m", "memory": "1Gi"});
    assert_eq!(
        of(json!({"requests": {"cpu": "1", "memory": "1024Mi"}, "limits": same})),
        "Guaranteed"
    );
    assert_eq!(
        of(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}})),
        "Burstable"
    );
}

#[test]
fn a_gated_pod_is_told_so_and_may_be_kept_to_fewer_nodes() {
    let mut body = serde_json::to_value(pod(
        json!({"schedulingGates": [{"name": "g"}], "nodeSelector": {"a": "b"}}),
        Value::Null,
    ))
    .unwrap();
    body["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    let (made, errors) = create(&body);
    assert_eq!(errors, ErrorList::new());
    let mut made = encoded(&*made);
    assert_eq!(
        made["status"]["conditions"],
        json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "lastProbeTime": null,
            "lastTransitionTime": "2026-01-01T00:00:00Z", "message": "Scheduling is blocked due to non-empty scheduling gates"}])
    );
    made["metadata"]["resourceVersion"] = "1".into();
    let change = |selector: Value| {
        let mut new = made.clone();
        new["spec"]["nodeSelector"] = selector;
        update(Part::Main, &new, &made)
            .1
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(change(json!({"a": "b", "c": "d"})), Vec::<String>::new());
    assert_eq!(
        change(json!({"c": "d"})),
        [
            "spec.nodeSelector: Invalid value: {\"c\":\"d\"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        ]
    );
}

#[test]
fn what_is_empty_is_left_out_and_quantities_are_written_anew() {
    let (made, errors) = create(&serde_json::to_value(pod(
        json!({"hostNetwork": false, "tolerations": [], "nodeSelector": {}, "containers": [
            {"name": "c", "image": "i", "args": [], "tty": false, "ports": [{"containerPort": 1, "hostPort": 0, "name": ""}],
             "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}}}]}),
        Value::Null,
    )).unwrap());
    assert_eq!(errors, ErrorList::new());
    let amounts = json!({"cpu": "500m", "memory": "1Gi"});
    assert_eq!(
        encoded(&*made)["spec"],
        json!({"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always", "ports": [{"containerPort": 1, "protocol": "TCP"}],
            "resources": {"limits": amounts, "requests": amounts}, "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File"}], "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30})
    );
}

#[test]
fn the_grace_period_is_the_pods_own_unless_nothing_runs() {
    let of = |spec: Value, phase: &str, asked: Option<i64>| {
        crate::strategy::Hooks::grace_period(&pod(spec, json!({"phase": phase})), asked)
    };
    let on_a_node = json!({"nodeName": "n", "terminationGracePeriodSeconds": 9});
    assert_eq!(of(on_a_node.clone(), "Running", None), Some(9));
    assert_eq!(of(on_a_node.clone(), "Running", Some(-5)), Some(1));
    assert_eq!(of(on_a_node, "Succeeded", None), Some(0));
    assert_eq!(of(json!({}), "Pending", Some(30)), Some(0));
}
