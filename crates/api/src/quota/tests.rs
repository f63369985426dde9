#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, ResourceQuota, Service};
use k8s_openapi::api::resource::v1::ResourceClaim;
use navarch_machinery::object::{Object, Typed};
use serde_json::{Value, json};

use super::*;
use crate::strategy::Part;

const NOW: &str = "2026-01-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn of<T: Typed>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn pod(spec: Value) -> Pod {
    of(json!({"metadata": {"name": "p"}, "spec": spec}))
}

/// A quota of which nothing is used.
fn quota(hard: Value, more: Value) -> ResourceQuota {
    let names = hard.as_object().unwrap().keys();
    let used: Value = names.map(|name| (name.clone(), json!("0"))).collect();
    let mut spec = more;
    spec["hard"] = hard.clone();
    of(json!({"metadata": {"name": "q"}, "spec": spec, "status": {"hard": hard, "used": used}}))
}

fn resource<T: Typed>() -> Resource<'static> {
    Resource {
        group: T::GROUP,
        plural: T::URL_PATH_SEGMENT,
    }
}

/// What is used of a quota after a write, or why it may not be.
fn charged<T: Typed>(quota: &ResourceQuota, new: Option<&T>, old: Option<&T>) -> Value {
    charged_part(quota, Part::Main, new, old)
}

fn charged_part<T: Typed>(
    quota: &ResourceQuota,
    part: Part,
    new: Option<&T>,
    old: Option<&T>,
) -> Value {
    let write = Write {
        resource: resource::<T>(),
        part,
        new: new.map(|it| it as &dyn Object),
        old: old.map(|it| it as &dyn Object),
    };
    match charge(&[Arc::new(quota.clone())], &write, now()) {
        Ok(charges) => charges
            .first()
            .map_or(Value::Null, |charge| json!(charge.used)),
        Err(refusal) => json!(refusal.to_string()),
    }
}

fn asking(requests: Value, limits: Value) -> Value {
    json!({"name": "c", "resources": {"requests": requests, "limits": limits}})
}

#[test]
fn a_pod_counts_under_every_name_that_it_has() {
    let hard = json!({
        "pods": "9", "count/pods": "9", "cpu": "9", "requests.cpu": "9", "limits.cpu": "9", "memory": "9Gi", "requests.memory": "9Gi",
        "limits.memory": "9Gi", "ephemeral-storage": "9Gi", "requests.ephemeral-storage": "9Gi", "limits.ephemeral-storage": "9Gi",
        "hugepages-2Mi": "9Gi", "requests.hugepages-2Mi": "9Gi", "requests.example.com/gpu": "9", "configmaps": "1",
    });
    let requests = json!({"cpu": "100m", "memory": "1Gi", "ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": "2"});
    let limits = json!({"cpu": "1", "memory": "2Gi", "ephemeral-storage": "2Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": "2"});
    let new = pod(json!({"containers": [asking(requests, limits)]}));
    assert_eq!(
        charged(&quota(hard, json!({})), Some(&new), None),
        json!({
            "pods": "1", "count/pods": "1", "cpu": "100m", "requests.cpu": "100m", "limits.cpu": "1", "memory": "1Gi",
            "requests.memory": "1Gi", "limits.memory": "2Gi", "ephemeral-storage": "1Gi", "requests.ephemeral-storage": "1Gi",
            "limits.ephemeral-storage": "2Gi", "hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi", "requests.example.com/gpu": "2",
            "configmaps": "0",
        })
    );
}

#[test]
fn init_containers_sidecars_overhead_and_the_pod_as_a_whole_count() {
    let hard = json!({"requests.cpu": "9"});
    let used = |spec: Value| charged(&quota(hard.clone(), json!({})), Some(&pod(spec)), None);
    let one = |cpu: &str| asking(json!({"cpu": cpu}), json!({}));
    let init = json!({"containers": [one("1")], "initContainers": [one("3")]});
    assert_eq!(used(init), json!({"requests.cpu": "3"}));
    let mut sidecar = one("2");
    sidecar["restartPolicy"] = json!("Always");
    let beside =
        json!({"containers": [one("1")], "initContainers": [sidecar], "overhead": {"cpu": "250m"}});
    assert_eq!(used(beside), json!({"requests.cpu": "3250m"}));
    let whole = json!({"containers": [one("1")], "resources": {"requests": {"cpu": "4"}}});
    assert_eq!(used(whole), json!({"requests.cpu": "4"}));
}

#[test]
fn what_is_limited_must_be_stated_by_containers_and_init_containers() {
    let quota = quota(
        json!({"requests.cpu": "1", "limits.memory": "1Gi", "pods": "1"}),
        json!({}),
    );
    let silent = pod(
        json!({"containers": [{"name": "b"}, {"name": "a"}], "initContainers": [{"name": "i"}]}),
    );
    let why = "failed quota: q: must specify limits.memory for: a,b,i; requests.cpu for: a,b,i";
    assert_eq!(charged(&quota, Some(&silent), None), json!(why));
    let whole = json!({"containers": [{"name": "a"}], "resources": {"requests": {"cpu": "1"}}});
    assert_eq!(charged(&quota, Some(&pod(whole)), None)["pods"], "1");
}

#[test]
fn a_quota_that_would_be_exceeded_refuses_and_says_by_what() {
    let mut quota = quota(
        json!({"pods": "1", "requests.cpu": "1", "count/pods": "5"}),
        json!({}),
    );
    let used = quota.status.as_mut().unwrap().used.as_mut().unwrap();
    used.insert("pods".to_owned(), of_quantity("1"));
    used.insert("requests.cpu".to_owned(), of_quantity("100m"));
    let new = pod(json!({"containers": [asking(json!({"cpu": "1"}), json!({}))]}));
    let why = "exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=1,requests.cpu=100m, limited: pods=1,requests.cpu=1";
    assert_eq!(charged(&quota, Some(&new), None), json!(why));
    quota.status.as_mut().unwrap().used = None;
    let why = "status unknown for quota: q, resources: count/pods,pods,requests.cpu";
    assert_eq!(charged(&quota, Some(&new), None), json!(why));
}

fn of_quantity(text: &str) -> k8s_openapi::apimachinery::pkg::api::resource::Quantity {
    k8s_openapi::apimachinery::pkg::api::resource::Quantity(text.to_owned())
}

#[test]
fn a_pod_that_has_ended_counts_as_an_object_only() {
    let hard = json!({"pods": "9", "count/pods": "9", "requests.cpu": "9"});
    let spec = json!({"containers": [asking(json!({"cpu": "1"}), json!({}))]});
    let counted = |more: Value| {
        let mut value = json!({"metadata": {"name": "p"}, "spec": spec});
        for (key, part) in more.as_object().unwrap() {
            value[key] = part.clone();
        }
        let quota = quota(hard.clone(), json!({}));
        let mut count = Recount::new(&quota);
        count.add(resource::<Pod>(), &of::<Pod>(value), now());
        json!(count.status().unwrap().used)
    };
    let object = json!({"pods": "0", "count/pods": "1", "requests.cpu": "0"});
    let all = json!({"pods": "1", "count/pods": "1", "requests.cpu": "1"});
    assert_eq!(counted(json!({"status": {"phase": "Running"}})), all);
    assert_eq!(counted(json!({"status": {"phase": "Succeeded"}})), object);
    assert_eq!(counted(json!({"status": {"phase": "Failed"}})), object);
    let going = |end: &str| json!({"metadata": {"deletionTimestamp": end, "deletionGracePeriodSeconds": 30}});
    assert_eq!(counted(going("2025-12-31T23:59:45Z")), all);
    assert_eq!(counted(going("2025-12-31T23:59:00Z")), object);
}

#[test]
fn scopes_say_which_pods_a_quota_is_about() {
    let check = |more: Value, spec: Value, is_about: bool| {
        let quota = quota(json!({"pods": "9"}), more.clone());
        let used = charged(&quota, Some(&pod(spec.clone())), None);
        assert_eq!(used != Value::Null, is_about, "{more} {spec}");
    };
    let plain = json!({"containers": [{"name": "c"}]});
    let with = |key: &str, value: Value| {
        let mut spec = plain.clone();
        spec[key] = value;
        spec
    };
    let bounded = with("activeDeadlineSeconds", json!(0));
    let sized = json!({"containers": [asking(json!({"cpu": "1"}), json!({}))]});
    for (scope, inside, outside) in [
        ("Terminating", &bounded, &plain),
        ("NotTerminating", &plain, &bounded),
        ("BestEffort", &plain, &sized),
        ("NotBestEffort", &sized, &plain),
    ] {
        check(json!({"scopes": [scope]}), inside.clone(), true);
        check(json!({"scopes": [scope]}), outside.clone(), false);
    }
    let high = with("priorityClassName", json!("high"));
    let class = |operator: &str, values: Value| {
        let one = json!({"scopeName": "PriorityClass", "operator": operator, "values": values});
        json!({"scopeSelector": {"matchExpressions": [one]}})
    };
    check(class("In", json!(["high"])), high.clone(), true);
    check(class("In", json!(["low"])), high.clone(), false);
    check(class("NotIn", json!(["low"])), high.clone(), true);
    check(class("NotIn", json!(["low"])), plain.clone(), true);
    check(class("Exists", json!(null)), high.clone(), true);
    check(class("Exists", json!(null)), plain.clone(), false);
    check(class("DoesNotExist", json!(null)), plain.clone(), true);
    let term = json!([{"topologyKey": "k", "namespaceSelector": {}}]);
    let near = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}});
    let beyond = with("affinity", near);
    check(
        json!({"scopes": ["CrossNamespacePodAffinity"]}),
        beyond,
        true,
    );
    check(
        json!({"scopes": ["CrossNamespacePodAffinity"]}),
        plain.clone(),
        false,
    );
    let both = json!({"scopes": ["BestEffort", "NotTerminating"]});
    check(both.clone(), plain.clone(), true);
    check(both, bounded, false);
}

#[test]
fn services_count_their_ports_and_load_balancers_and_a_change_what_it_changes() {
    let hard = json!({"services": "9", "services.nodeports": "2", "services.loadbalancers": "1", "count/services": "9"});
    let mut quota = quota(hard, json!({}));
    let service = |kind: &str, ports: usize| -> Service {
        let ports: Vec<Value> = (0..ports).map(|port| json!({"port": port + 1})).collect();
        of(json!({"metadata": {"name": "s"}, "spec": {"type": kind, "ports": ports}}))
    };
    let balanced = service("LoadBalancer", 2);
    let used = charged(&quota, Some(&balanced), None);
    let all = json!({"services": "1", "services.nodeports": "2", "services.loadbalancers": "1", "count/services": "1"});
    assert_eq!(used, all);
    quota.status.as_mut().unwrap().used = serde_json::from_value(used).unwrap();
    let why = "exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=2, limited: services.nodeports=2";
    assert_eq!(
        charged(&quota, Some(&service("NodePort", 3)), Some(&balanced)),
        json!(why)
    );
    let narrowed = charged(&quota, Some(&service("ClusterIP", 2)), Some(&balanced));
    let less = json!({"services": "1", "services.nodeports": "0", "services.loadbalancers": "0", "count/services": "1"});
    assert_eq!(narrowed, less);
    assert_eq!(charged(&quota, None, Some(&balanced))["services"], "0");
    let same = charged(&quota, Some(&balanced), Some(&balanced));
    assert_eq!(same, Value::Null);
}

#[test]
fn claims_count_their_storage_in_all_and_of_their_class() {
    let of_class = "gold.storageclass.storage.k8s.io";
    let (storage, number) = (
        format!("{of_class}/requests.storage"),
        format!("{of_class}/persistentvolumeclaims"),
    );
    let hard = json!({"requests.storage": "10Gi", "persistentvolumeclaims": "9", storage.clone(): "5Gi", number.clone(): "9"});
    let quota = quota(hard, json!({}));
    let claim = |class: &str, size: &str| -> PersistentVolumeClaim {
        of(
            json!({"metadata": {"name": "c"}, "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}}),
        )
    };
    assert_eq!(
        charged(&quota, Some(&claim("gold", "2Gi")), None),
        json!({"requests.storage": "2Gi", "persistentvolumeclaims": "1", storage.clone(): "2Gi", number.clone(): "1"})
    );
    let other = charged(&quota, Some(&claim("tin", "6Gi")), None);
    assert_eq!(
        other,
        json!({"requests.storage": "6Gi", "persistentvolumeclaims": "1", storage: "0", number: "0"})
    );
    let grown = charged(
        &quota,
        Some(&claim("gold", "8Gi")),
        Some(&claim("gold", "2Gi")),
    );
    let why = format!(
        "exceeded quota: q, requested: {of_class}/requests.storage=6Gi, used: {of_class}/requests.storage=0, \
        limited: {of_class}/requests.storage=5Gi"
    );
    assert_eq!(grown, json!(why));
}

#[test]
fn volume_attributes_classes_are_a_scope_of_claims() {
    let one = json!({"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["fast"]});
    let quota = quota(
        json!({"persistentvolumeclaims": "9"}),
        json!({"scopeSelector": {"matchExpressions": [one]}}),
    );
    let claim = |spec: Value, status: Value| -> PersistentVolumeClaim {
        of(json!({"metadata": {"name": "c"}, "spec": spec, "status": status}))
    };
    let asked = claim(json!({"volumeAttributesClassName": "fast"}), json!({}));
    assert_eq!(
        charged(&quota, Some(&asked), None),
        json!({"persistentvolumeclaims": "1"})
    );
    let plain = claim(json!({}), json!({}));
    assert_eq!(charged(&quota, Some(&plain), None), Value::Null);
    let given = claim(
        json!({}),
        json!({"currentVolumeAttributesClassName": "fast"}),
    );
    let used = charged_part(&quota, Part::Status, Some(&given), Some(&plain));
    assert_eq!(used, json!({"persistentvolumeclaims": "1"}));
}

#[test]
fn everything_else_counts_by_its_number() {
    let quota = quota(
        json!({"configmaps": "1", "count/configmaps": "1", "count/deployments.apps": "1"}),
        json!({}),
    );
    let map: ConfigMap = of(json!({"metadata": {"name": "m"}}));
    let used = charged(&quota, Some(&map), None);
    assert_eq!(
        used,
        json!({"configmaps": "1", "count/configmaps": "1", "count/deployments.apps": "0"})
    );
    let made: Deployment = of(json!({"metadata": {"name": "d"}}));
    assert_eq!(
        charged(&quota, Some(&made), None)["count/deployments.apps"],
        "1"
    );
    assert_eq!(charged(&quota, Some(&map), Some(&map)), Value::Null);
    let events = crate::table::builtin()
        .rows()
        .filter(|row| row.plural == "events");
    assert_eq!(events.filter_map(|row| Resource::counted(row)).count(), 0);
}

#[test]
fn device_claims_count_the_most_that_they_may_get_of_a_class() {
    let name = |class: &str| format!("{class}.deviceclass.resource.k8s.io/devices");
    let quota = quota(
        json!({name("a"): "99", name("b"): "99", "count/resourceclaims.resource.k8s.io": "9"}),
        json!({}),
    );
    let exact = json!({"name": "r", "exactly": {"deviceClassName": "a", "count": 2}});
    let first = json!({"name": "s", "firstAvailable": [
        {"name": "x", "deviceClassName": "a", "count": 1}, {"name": "y", "deviceClassName": "a", "count": 3},
        {"name": "z", "deviceClassName": "b", "allocationMode": "All"},
    ]});
    let claim: ResourceClaim =
        of(json!({"metadata": {"name": "c"}, "spec": {"devices": {"requests": [exact, first]}}}));
    let used = charged(&quota, Some(&claim), None);
    assert_eq!(
        used,
        json!({name("a"): "5", name("b"): "32", "count/resourceclaims.resource.k8s.io": "1"})
    );
}

#[test]
fn a_recount_tells_what_is_used_only_where_that_is_otherwise() {
    let quota = quota(
        json!({"configmaps": "3", "count/deployments.apps": "1"}),
        json!({}),
    );
    let map: ConfigMap = of(json!({"metadata": {"name": "m"}}));
    let mut count = Recount::new(&quota);
    assert!(count.needs(resource::<ConfigMap>()) && !count.needs(resource::<Pod>()));
    count.add(resource::<ConfigMap>(), &map, now());
    let status = count.status().unwrap();
    assert_eq!(
        json!(status.used),
        json!({"configmaps": "1", "count/deployments.apps": "0"})
    );
    assert_eq!(Recount::new(&quota).status(), None);
}
