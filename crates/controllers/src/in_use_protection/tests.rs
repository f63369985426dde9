use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use navarch_client::{ObjectKey, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{attributes_class, claim, pods_by_claim, volume};
use crate::Plan;

fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn metadata(name: &str, leaves: bool, finalizers: &[&str]) -> Value {
    let mut metadata = json!({"name": name, "namespace": "a", "finalizers": finalizers});
    if leaves {
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    metadata
}

/// The finalizers that the plan leaves; `None`: it does nothing.
fn left(plan: Plan) -> Option<Vec<String>> {
    let action = plan.actions().next()?;
    let navarch_api::call::Body::Object(object) = &action.call.body else {
        panic!("an update is expected");
    };
    Some(object.metadata().finalizers.clone().unwrap_or_default())
}

#[test]
fn a_claim_stays_while_a_pod_that_may_run_uses_it() {
    let pods = |pods: &[Value]| -> Snapshot<Pod> {
        let pods = pods.iter().cloned().map(from::<Pod>);
        Snapshot::of(pods, &[pods_by_claim()])
    };
    let pod = |node: &str, volume: Value| {
        json!({"metadata": {"name": "p", "namespace": "a"}, "spec": {
            "nodeName": node, "containers": [], "volumes": [volume]}})
    };
    let named = json!({"name": "v", "persistentVolumeClaim": {"claimName": "p-v"}});
    let ephemeral = json!({"name": "v", "ephemeral": {}});
    let other = json!({"name": "v", "persistentVolumeClaim": {"claimName": "other"}});
    let plan = |leaves, finalizers: &[&str], pods| {
        let claim = json!({"metadata": metadata("p-v", leaves, finalizers)});
        let claims = Snapshot::of([from::<PersistentVolumeClaim>(claim)], &[]);
        left(claim::plan(
            &claim::View { claims, pods },
            &ObjectKey::new("a", "p-v"),
        ))
    };
    let ours = "kubernetes.io/pvc-protection";
    let both = ["x/y", ours];
    for used in [named.clone(), ephemeral] {
        assert_eq!(plan(true, &both, pods(&[pod("n", used)])), None);
    }
    let others = Some(vec!["x/y".to_owned()]);
    assert_eq!(plan(true, &both, pods(&[])), others);
    assert_eq!(plan(true, &both, pods(&[pod("", named.clone())])), others);
    assert_eq!(plan(true, &both, pods(&[pod("n", other)])), others);
    assert_eq!(plan(false, &both, pods(&[])), None);
    assert_eq!(plan(false, &[], pods(&[])), Some(vec![ours.to_owned()]));
    assert_eq!(plan(true, &[], pods(&[])), None);
}

#[test]
fn a_volume_stays_while_it_is_bound() {
    let plan = |phase: &str| {
        let metadata = metadata("v", true, &["kubernetes.io/pv-protection"]);
        let volume = json!({"metadata": metadata, "status": {"phase": phase}});
        let key = ObjectKey::of(&from::<PersistentVolume>(volume.clone()).metadata);
        let volumes = Snapshot::of([from::<PersistentVolume>(volume)], &[]);
        left(volume::plan(&volumes, &key))
    };
    assert_eq!(plan("Bound"), None);
    assert_eq!(plan("Released"), Some(vec![]));
    assert_eq!(plan("Available"), Some(vec![]));
}

#[test]
fn a_class_stays_while_a_claim_or_a_volume_names_it() {
    let plan = |claim: Value, volume: Value| {
        let class = json!({"metadata": {"name": "gold", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["kubernetes.io/vac-protection"]}, "driverName": "d"});
        let view = attributes_class::View {
            classes: Snapshot::of([from(class)], &[]),
            claims: Snapshot::of([from::<PersistentVolumeClaim>(claim)], &[]),
            volumes: Snapshot::of([from::<PersistentVolume>(volume)], &[]),
        };
        left(attributes_class::plan(&view, &ObjectKey::new("", "gold")))
    };
    let unused = json!({"metadata": {"name": "x", "namespace": "a"}});
    let of = |part: Value| {
        let mut object = unused.clone();
        object
            .as_object_mut()
            .unwrap()
            .extend(part.as_object().unwrap().clone());
        object
    };
    let names = of(json!({"spec": {"volumeAttributesClassName": "gold"}}));
    let has = of(json!({"status": {"currentVolumeAttributesClassName": "gold"}}));
    assert_eq!(plan(unused.clone(), unused.clone()), Some(vec![]));
    assert_eq!(plan(names.clone(), unused.clone()), None);
    assert_eq!(plan(has, unused.clone()), None);
    assert_eq!(plan(unused.clone(), names), None);
}
