//! Storage, devices and flow control, where no recorded conversation speaks of it. What is expected is what Kubernetes' own rules say.

use jiff::Timestamp;
use navarch_api::strategy::Part;
use navarch_api::table::builtin;
use navarch_machinery::object::Object;
use serde_json::{Value, json};

/// A resource by group and plural.
#[derive(Clone, Copy)]
struct Kind(&'static str, &'static str);

const CAPACITIES: Kind = Kind("storage.k8s.io", "csistoragecapacities");
const CLASSES: Kind = Kind("storage.k8s.io", "storageclasses");
const CLAIMS: Kind = Kind("", "persistentvolumeclaims");
const CSI_NODES: Kind = Kind("storage.k8s.io", "csinodes");
const DEVICE_CLAIMS: Kind = Kind("resource.k8s.io", "resourceclaims");
const DEVICE_CLASSES: Kind = Kind("resource.k8s.io", "deviceclasses");
const DRIVERS: Kind = Kind("storage.k8s.io", "csidrivers");
const LEVELS: Kind = Kind(
    "flowcontrol.apiserver.k8s.io",
    "prioritylevelconfigurations",
);
const SCHEMAS: Kind = Kind("flowcontrol.apiserver.k8s.io", "flowschemas");
const SLICES: Kind = Kind("resource.k8s.io", "resourceslices");
const VOLUMES: Kind = Kind("", "persistentvolumes");

impl Kind {
    fn strategy(self) -> &'static dyn navarch_api::strategy::Strategy {
        let row = builtin().resource(self.0, "v1", self.1).unwrap();
        row.strategy.as_ref()
    }

    /// Reads `spec` as an object named `x`; other top-level members stand in `more`.
    fn read(self, more: &Value) -> Box<dyn Object> {
        let row = builtin().resource(self.0, "v1", self.1).unwrap();
        let mut body =
            json!({"apiVersion": row.api_version(), "kind": row.kind, "metadata": {"name": "x"}});
        if row.is_namespaced() {
            body["metadata"]["namespace"] = "d".into();
        }
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let decoded = self.strategy().decode(body.to_string().as_bytes());
        let mut object = decoded.unwrap().object;
        self.strategy().apply_defaults(object.as_mut());
        object
    }

    fn write(self, object: &dyn Object) -> Value {
        let mut json = Vec::new();
        self.strategy().encode(object, &mut json);
        serde_json::from_slice(&json).unwrap()
    }

    fn created(self, more: &Value) -> Box<dyn Object> {
        let mut object = self.read(more);
        let now = Timestamp::UNIX_EPOCH;
        self.strategy().prepare_for_create(object.as_mut());
        self.strategy()
            .stamp(Part::Main, object.as_mut(), None, now);
        object
    }

    /// What is found when it is created.
    fn create(self, more: &Value) -> Vec<String> {
        let object = self.created(more);
        let mut errors = self.strategy().validate(object.as_ref());
        errors.extend(self.strategy().validate_create(object.as_ref()));
        errors.iter().map(ToString::to_string).collect()
    }

    /// What is found when `old` becomes `new`.
    fn update(self, part: Part, old: &Value, new: &Value) -> Vec<String> {
        let (old, mut object) = (self.read(old), self.read(new));
        let strategy = self.strategy();
        strategy.prepare_for_update(part, object.as_mut(), old.as_ref());
        let mut errors = strategy.validate(object.as_ref());
        errors.extend(strategy.validate_update(part, object.as_ref(), old.as_ref()));
        let without_hint = |text: String| text.split("\n@@").next().unwrap().to_owned();
        errors
            .iter()
            .map(|it| without_hint(it.to_string()))
            .collect()
    }
}

#[test]
fn a_class_is_filled_in_and_never_changes() {
    let class = CLASSES.created(&json!({"provisioner": "example.com/p"}));
    let written = CLASSES.write(class.as_ref());
    assert_eq!(written["reclaimPolicy"], "Delete");
    assert_eq!(written["volumeBindingMode"], "Immediate");
    assert_eq!(
        CLASSES.create(
            &json!({"provisioner": "", "reclaimPolicy": "Recycle", "volumeBindingMode": "Odd",
            "allowedTopologies": [{}]})
        ),
        [
            "provisioner: Required value",
            "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            "volumeBindingMode: Unsupported value: \"Odd\": supported values: \"Immediate\", \"WaitForFirstConsumer\"",
            "allowedTopologies[0].matchLabelExpressions: Duplicate value: \"\"",
        ]
    );
    assert_eq!(
        CLASSES.update(
            Part::Main,
            &json!({"provisioner": "a", "parameters": {"a": "b"}}),
            &json!({"provisioner": "b", "reclaimPolicy": "Retain"}),
        ),
        [
            "parameters: Invalid value: null: field is immutable",
            "provisioner: Invalid value: \"b\": field is immutable",
            "reclaimPolicy: Invalid value: \"Retain\": field is immutable",
        ]
    );
}

#[test]
fn a_volume_has_one_source_and_a_capacity() {
    assert_eq!(
        VOLUMES.create(&json!({"spec": {}})),
        [
            "spec.accessModes: Required value",
            "spec.capacity: Required value",
            "spec.capacity: Unsupported value: null: supported values: \"storage\"",
            "spec: Required value: must specify a volume type",
        ]
    );
    let two = json!({"spec": {
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "-1"}, "local": {"path": "/a/../b"},
        "csi": {"driver": "d", "volumeHandle": "h"},
    }});
    assert_eq!(
        VOLUMES.create(&two),
        [
            "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
            "spec.capacity[storage]: Invalid value: \"-1\": must be greater than zero",
            "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
            "spec.csi: Forbidden: may not specify more than 1 volume type",
        ]
    );
}

#[test]
fn the_source_of_a_volume_stays() {
    let volume = |source: Value| json!({"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}, "nfs": source}});
    let old = volume(json!({"server": "s", "path": "/p"}));
    let same = volume(json!({"server": "s", "path": "/p", "readOnly": false}));
    assert!(VOLUMES.update(Part::Main, &old, &same).is_empty());
    assert_eq!(
        VOLUMES.update(
            Part::Main,
            &old,
            &volume(json!({"server": "s", "path": "/q"}))
        ),
        [
            "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
        ]
    );
}

#[test]
fn the_phase_of_a_volume_has_a_time() {
    let strategy = VOLUMES.strategy();
    let old = VOLUMES.created(&json!({"spec": {}}));
    let mut new = VOLUMES.read(&json!({"spec": {}, "status": {"phase": "Bound"}}));
    let later = Timestamp::from_second(60).unwrap();
    strategy.prepare_for_update(Part::Status, new.as_mut(), old.as_ref());
    strategy.stamp(Part::Status, new.as_mut(), Some(old.as_ref()), later);
    let time =
        |object: &dyn Object| VOLUMES.write(object)["status"]["lastPhaseTransitionTime"].clone();
    assert_eq!(time(old.as_ref()), "1970-01-01T00:00:00Z");
    assert_eq!(time(new.as_ref()), "1970-01-01T00:01:00Z");
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "JSON is written where it is used"
)]
fn claim(size: &str, status: Value) -> Value {
    json!({
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, "storageClassName": "c"},
        "status": status,
    })
}

#[test]
fn a_bound_claim_grows_and_shrinks_no_further_than_it_is() {
    let status = json!({"phase": "Bound", "capacity": {"storage": "1Gi"}});
    let of = |size: &str| claim(size, status.clone());
    assert!(CLAIMS.update(Part::Main, &of("1Gi"), &of("2Gi")).is_empty());
    assert!(CLAIMS.update(Part::Main, &of("3Gi"), &of("2Gi")).is_empty());
    assert_eq!(
        CLAIMS.update(Part::Main, &of("3Gi"), &of("1Gi")),
        ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"]
    );
}

#[test]
fn what_a_claim_is_filled_with_stands_in_both_fields() {
    let spec = |more: Value| {
        let mut body = claim("1Gi", json!({}));
        for (key, value) in more.as_object().unwrap() {
            body["spec"][key] = value.clone();
        }
        CLAIMS.write(CLAIMS.created(&body).as_ref())["spec"].clone()
    };
    let snapshot =
        json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"});
    let filled = spec(json!({"dataSource": snapshot}));
    assert_eq!(filled["dataSourceRef"], snapshot);
    let other = json!({"apiGroup": "example.com", "kind": "Populator", "name": "p"});
    assert_eq!(spec(json!({"dataSourceRef": other}))["dataSource"], other);
    assert!(
        spec(json!({"dataSource": other}))
            .get("dataSource")
            .is_none()
    );
}

#[test]
fn a_status_says_how_far_resizing_is() {
    let status = json!({
        "phase": "Bound",
        "allocatedResourceStatuses": {"storage": "Odd", "cpu": "NodeResizePending"},
        "allocatedResources": {"storage": "-1"},
    });
    assert_eq!(
        CLAIMS.update(
            Part::Status,
            &claim("1Gi", json!({})),
            &claim("1Gi", status)
        ),
        [
            "status.allocatedResourceStatuses: Unsupported value: \"cpu\": supported values: \"storage\"",
            "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported values: \
             \"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", \
             \"NodeResizeInfeasible\", \"NodeResizePending\"",
            "status.allocatedResources[storage]: Invalid value: -1: must be a valid resource quantity",
        ]
    );
}

#[test]
fn a_node_without_drivers_says_null() {
    let node = CSI_NODES.created(&json!({"spec": {"drivers": []}}));
    assert_eq!(
        CSI_NODES.write(node.as_ref())["spec"],
        json!({"drivers": null})
    );
    let driver = |id: &str| json!({"spec": {"drivers": [{"name": "d", "nodeID": id, "topologyKeys": ["a", "a"]}]}});
    assert_eq!(
        CSI_NODES.create(&driver("")),
        [
            "spec.drivers[0].nodeID: Required value",
            "spec.drivers[0]: Duplicate value: \"a\"",
        ]
    );
    let driver = |id: &str| json!({"spec": {"drivers": [{"name": "d", "nodeID": id}]}});
    assert_eq!(
        CSI_NODES.update(Part::Main, &driver("a"), &driver("b")),
        [
            "spec.drivers: Invalid value: {\"Name\":\"d\",\"NodeID\":\"b\",\"TopologyKeys\":null,\"Allocatable\":null}: \
             field is immutable"
        ]
    );
}

#[test]
fn a_driver_has_each_audience_once() {
    let requests = json!([{"audience": "a", "expirationSeconds": 1}, {"audience": "a"}]);
    let body = json!({"spec": {"tokenRequests": requests, "fsGroupPolicy": "Odd", "volumeLifecycleModes": ["Odd"],
        "nodeAllocatableUpdatePeriodSeconds": 1}});
    assert_eq!(
        DRIVERS.create(&body),
        [
            "spec.fsGroupPolicy: Unsupported value: \"Odd\": supported values: \"File\", \"None\", \"ReadWriteOnceWithFSType\"",
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
            "spec.tokenRequests[1].audience: Duplicate value: \"a\"",
            "spec.volumeLifecycleModes: Unsupported value: \"Odd\": supported values: \"Persistent\", \"Ephemeral\"",
            "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds",
        ]
    );
}

#[test]
fn a_capacity_is_of_one_class_for_good() {
    let capacity = |class: &str| json!({"storageClassName": class, "capacity": "1024Mi"});
    let object = CAPACITIES.created(&capacity("c"));
    assert_eq!(CAPACITIES.write(object.as_ref())["capacity"], "1Gi");
    assert_eq!(
        CAPACITIES.update(Part::Main, &capacity("c"), &capacity("d")),
        ["storageClassName: Invalid value: \"d\": field is immutable"]
    );
}

#[test]
fn a_claim_without_requests_says_null() {
    let claim = DEVICE_CLAIMS.created(&json!({"spec": {}}));
    let written = DEVICE_CLAIMS.write(claim.as_ref());
    assert_eq!(written["spec"], json!({"devices": {"requests": null}}));
}

#[test]
fn requests_and_constraints_are_checked() {
    let devices = json!({
        "requests": [
            {"name": "a", "exactly": {"deviceClassName": "", "count": -1}},
            {"name": "a", "firstAvailable": [{"name": "s", "deviceClassName": "c", "allocationMode": "All", "count": 2}]},
            {"name": "b"},
        ],
        "constraints": [{"requests": ["a/t", "c"], "matchAttribute": "x"}],
        "config": [{}],
    });
    let place = "spec.devices";
    let reference = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
    assert_eq!(
        DEVICE_CLAIMS.create(&json!({"spec": {"devices": devices}})),
        [
            format!("{place}.requests[0].exactly.deviceClassName: Required value"),
            format!(
                "{place}.requests[0].exactly.count: Invalid value: -1: must be greater than zero"
            ),
            format!(
                "{place}.requests[1].firstAvailable[0].count: Invalid value: 2: must not be specified when allocationMode is 'All'"
            ),
            format!(
                "{place}.requests[2]: Required value: exactly one of `exactly` or `firstAvailable` is required"
            ),
            format!("{place}.requests[1]: Duplicate value: \"a\""),
            format!("{place}.constraints[0].requests[0]: Invalid value: \"a/t\": {reference}"),
            format!("{place}.constraints[0].requests[1]: Invalid value: \"c\": {reference}"),
            format!(
                "{place}.constraints[0].matchAttribute: Invalid value: \"x\": a fully qualified name must be a domain and a name separated by a slash"
            ),
            format!("{place}.config[0].opaque: Required value"),
        ]
    );
}

#[test]
fn what_is_said_of_devices_is_of_those_that_were_given() {
    let spec =
        json!({"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}});
    let given = json!({"devices": {"results": [{"request": "r", "driver": "d", "pool": "p", "device": "x"}]}});
    let old = json!({"spec": spec});
    let new = json!({"spec": spec, "status": {"allocation": given, "devices": [{"driver": "d", "pool": "p", "device": "y"}]}});
    assert_eq!(
        DEVICE_CLAIMS.update(Part::Status, &old, &new),
        [
            "status.devices[0]: Invalid value: {\"Driver\":\"d\",\"Pool\":\"p\",\"Device\":\"y\",\"ShareID\":\"\"}: must be an \
             allocated device in the claim"
        ]
    );
    assert_eq!(
        DEVICE_CLAIMS.update(
            Part::Status,
            &old,
            &json!({"spec": spec, "status": {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}}),
        ),
        ["status.reservedFor: Forbidden: may not be specified when `allocated` is not set"]
    );
}

#[test]
fn a_device_class_names_extended_resources() {
    let class = DEVICE_CLASSES.created(&json!({"spec": {}}));
    let written = DEVICE_CLASSES.write(class.as_ref());
    assert_eq!(
        (&written["spec"], &written["metadata"]["generation"]),
        (&json!({}), &json!(1))
    );
    let opaque = json!({"driver": "d", "parameters": []});
    let spec =
        json!({"selectors": [{}], "config": [{"opaque": opaque}], "extendedResourceName": "cpu"});
    assert_eq!(
        DEVICE_CLASSES.create(&json!({"spec": spec})),
        [
            "spec.selectors[0].cel: Required value",
            "spec.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object",
            "spec.extendedResourceName: Invalid value: \"cpu\": must be a valid extended resource name",
        ]
    );
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "JSON is written where it is used"
)]
fn slice(more: Value) -> Value {
    let mut spec =
        json!({"driver": "d", "pool": {"name": "p", "resourceSliceCount": 1}, "nodeName": "n"});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({"spec": spec})
}

#[test]
fn a_slice_is_in_one_place() {
    let written = SLICES.write(SLICES.created(&slice(json!({}))).as_ref());
    let pool = json!({"generation": 0, "name": "p", "resourceSliceCount": 1});
    assert_eq!(written["spec"]["pool"], pool);
    assert!(SLICES.create(&slice(json!({}))).is_empty());
    assert_eq!(
        SLICES.create(&slice(
            json!({"allNodes": true, "pool": {"name": "P", "resourceSliceCount": 0}})
        ))[1..],
        [
            "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
            "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, \
             `perDeviceNodeSelection` is required, but multiple fields are set",
        ]
    );
    assert_eq!(
        SLICES.update(
            Part::Main,
            &slice(json!({})),
            &slice(json!({"nodeName": "m"}))
        ),
        ["spec.nodeName: Invalid value: \"m\": field is immutable"]
    );
}

#[test]
fn devices_are_checked() {
    let device = json!({
        "name": "x",
        "attributes": {"a": {}, "b/": {"string": "s"}, "c": {"version": "1.02.3"}},
        "capacity": {"m": {"value": "4", "requestPolicy": {"default": "1"}}},
        "taints": [{"key": "k", "effect": "Odd"}],
        "allNodes": true,
        "bindingConditions": ["a"],
    });
    let place = "spec.devices[0]";
    assert_eq!(
        SLICES.create(&slice(json!({"devices": [device]}))),
        [
            format!(
                "{place}.attributes[a]: Invalid value: \"\": exactly one value must be specified"
            ),
            "spec.devices[0].attributes: Invalid value: \"\": the name must not be empty"
                .to_owned(),
            format!(
                "{place}.attributes[c].version: Invalid value: \"1.02.3\": must be a string compatible with semver.org spec 2.0.0"
            ),
            format!(
                "{place}.capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true"
            ),
            format!(
                "{place}.taints[0].effect: Unsupported value: \"Odd\": supported values: \"NoExecute\", \"NoSchedule\", \"None\""
            ),
            format!(
                "{place}: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
            ),
            format!(
                "{place}.bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions"
            ),
        ]
    );
}

#[test]
fn what_a_server_begins_with_is_well_formed_and_complete() {
    use navarch_api::flowcontrol::initial::{flow_schemas, priority_levels};
    for level in priority_levels() {
        let body = serde_json::to_value(&level).unwrap();
        assert!(LEVELS.create(&body).is_empty(), "{body}");
        let filled = LEVELS.write(LEVELS.read(&body).as_ref());
        assert_eq!(filled["spec"], body["spec"]);
    }
    for schema in flow_schemas() {
        let body = serde_json::to_value(&schema).unwrap();
        assert!(SCHEMAS.create(&body).is_empty(), "{body}");
        let filled = SCHEMAS.write(SCHEMAS.read(&body).as_ref());
        assert_eq!(filled["spec"], body["spec"]);
    }
}

#[test]
fn levels_are_checked() {
    let limited = |response: Value| json!({"spec": {"type": "Limited", "limited": {"limitResponse": response}}});
    assert!(
        LEVELS
            .create(&limited(json!({"type": "Reject"})))
            .is_empty()
    );
    assert_eq!(
        LEVELS.create(&json!({"spec": {"type": "Exempt", "limited": {}}})),
        [
            "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
            "spec.limited: Forbidden: must be nil if the type is not Limited",
        ]
    );
    assert_eq!(
        LEVELS.create(&limited(json!({"type": "Queue", "queuing": {"queues": 1024, "handSize": 7, "queueLengthLimit": -1}}))),
        [
            "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive",
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 \
             should not be greater than 60",
        ]
    );
    let fixed = json!({"metadata": {"name": "catch-all"}, "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}});
    assert_eq!(
        LEVELS.create(&fixed),
        [
            "spec: Invalid value: {\"Type\":\"Limited\",\"Limited\":{\"NominalConcurrencyShares\":30,\"LimitResponse\":{\"Type\":\
             \"Reject\",\"Queuing\":null},\"LendablePercent\":0,\"BorrowingLimitPercent\":null},\"Exempt\":null}: spec of \
             'catch-all' must equal the fixed value"
        ]
    );
}

#[test]
fn schemas_are_checked() {
    let rule = json!({
        "subjects": [{"kind": "User"}, {"kind": "Odd"}, {"kind": "Group", "group": {"name": "g"}, "user": {"name": "u"}}],
        "resourceRules": [{"verbs": ["get", "*"], "apiGroups": [], "resources": ["*"], "namespaces": ["A"]}],
        "nonResourceRules": [{"verbs": ["odd"], "nonResourceURLs": ["x", "/a*"]}],
    });
    let spec = json!({
        "matchingPrecedence": 1, "priorityLevelConfiguration": {"name": ""}, "distinguisherMethod": {"type": "Odd"}, "rules": [rule],
    });
    let found = SCHEMAS.create(&json!({"spec": spec}));
    let rule = "spec.rules[0]";
    assert_eq!(
        found[..7],
        [
            "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1".to_owned(),
            "spec.distinguisherMethod.type: Unsupported value: {\"Type\":\"Odd\"}: supported values: \"ByNamespace\", \"ByUser\"".into(),
            "spec.priorityLevelConfiguration.name: Required value: must reference a priority level".into(),
            format!("{rule}.subjects[0].user: Required value: user is required when subject kind is 'User'"),
            format!("{rule}.subjects[1].kind: Unsupported value: \"Odd\": supported values: \"Group\", \"ServiceAccount\", \"User\""),
            format!("{rule}.subjects[2].user: Forbidden: user is forbidden when subject kind is not 'User'"),
            format!("{rule}.resourceRules[0].verbs: Invalid value: [\"get\",\"*\"]: if '*' is present, must not specify other verbs"),
        ]
    );
    assert!(found[7].starts_with(&format!(
        "{rule}.resourceRules[0].apiGroups: Required value"
    )));
    assert!(found[8].starts_with(&format!(
        "{rule}.resourceRules[0].namespaces[0]: Invalid value: \"A\": each member"
    )));
    assert_eq!(
        found[10..],
        [
            format!(
                "{rule}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: \"x\": must start with slash"
            ),
            format!(
                "{rule}.nonResourceRules[0].nonResourceURLs[1]: Invalid value: \"/a*\": wildcard can only do suffix matching"
            ),
        ]
    );
}
