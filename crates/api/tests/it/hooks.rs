//! Kinds that no recorded conversation covers.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use navarch_api::strategy::{Part, Propagation};
use navarch_api::table::builtin;
use navarch_machinery::field::ErrorList;
use navarch_machinery::object::Object;
use serde_json::{Value, json};

/// A kind by its group and plural; all are of `v1`.
pub(crate) struct Kind(pub(crate) &'static str, pub(crate) &'static str);

const CONFIG_MAPS: Kind = Kind("", "configmaps");
const CONTROLLERS: Kind = Kind("", "replicationcontrollers");
const EVENTS: Kind = Kind("events.k8s.io", "events");

impl Kind {
    pub(crate) fn read(&self, body: &Value) -> Box<dyn Object> {
        let row = builtin().resource(self.0, "v1", self.1).unwrap();
        let mut object = row
            .strategy
            .decode(body.to_string().as_bytes())
            .unwrap()
            .object;
        row.strategy.apply_defaults(object.as_mut());
        object
    }

    pub(crate) fn write(&self, object: &dyn Object) -> Value {
        let row = builtin().resource(self.0, "v1", self.1).unwrap();
        let mut json = Vec::new();
        row.strategy.encode(object, &mut json);
        serde_json::from_slice(&json).unwrap()
    }

    pub(crate) fn strategy(&self) -> &'static dyn navarch_api::strategy::Strategy {
        builtin()
            .resource(self.0, "v1", self.1)
            .unwrap()
            .strategy
            .as_ref()
    }
}

pub(crate) fn words(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn config_map(more: &Value) -> Value {
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "d"}});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn a_key_is_in_one_bag_only() {
    let both = CONFIG_MAPS.read(&config_map(
        &json!({"data": {"k": "v"}, "binaryData": {"k": "dg=="}}),
    ));
    assert_eq!(
        words(&CONFIG_MAPS.strategy().validate(both.as_ref())),
        ["data[k]: Invalid value: \"k\": duplicate of key present in binaryData"]
    );
}

#[test]
fn a_config_map_is_at_most_a_mebibyte() {
    let large = CONFIG_MAPS.read(&config_map(
        &json!({"data": {"k": "x".repeat(1024 * 1024 + 1)}}),
    ));
    assert_eq!(CONFIG_MAPS.strategy().validate(large.as_ref()).len(), 1);
}

#[test]
fn what_is_immutable_stays() {
    let old = CONFIG_MAPS.read(&config_map(&json!({"data": {"k": "v"}, "immutable": true})));
    let new = CONFIG_MAPS.read(&config_map(&json!({"data": {"k": "w"}})));
    assert_eq!(
        words(
            &CONFIG_MAPS
                .strategy()
                .validate_update(Part::Main, new.as_ref(), old.as_ref())
        ),
        [
            "immutable: Forbidden: field is immutable when `immutable` is set",
            "data: Forbidden: field is immutable when `immutable` is set"
        ]
    );
}

#[test]
fn a_controller_takes_its_selector_from_its_template() {
    let body = json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "x", "namespace": "d"},
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
    });
    let controller = CONTROLLERS.read(&body);
    let strategy = CONTROLLERS.strategy();
    assert!(
        strategy.validate(controller.as_ref()).is_empty(),
        "{:?}",
        strategy.validate(controller.as_ref())
    );
    let value = CONTROLLERS.write(controller.as_ref());
    assert_eq!(value["spec"]["selector"], json!({"a": "b"}));
    assert_eq!(value["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(value["spec"]["replicas"], 1);
    assert_eq!(strategy.default_propagation(), Propagation::Orphan);
    let scale = strategy.scale(controller.as_ref()).unwrap();
    assert_eq!(scale.status.unwrap().selector.as_deref(), Some("a=b"));
}

fn event(more: &Value) -> Value {
    let mut body = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "x", "namespace": "default"},
        "eventTime": "2026-01-02T03:04:05.000006Z", "reportingController": "example.com/c", "reportingInstance": "i",
        "action": "A", "reason": "R", "type": "Normal", "note": "n", "regarding": {"kind": "Pod", "name": "p", "namespace": "default"}
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn an_event_survives_the_way_to_the_store_and_back() {
    let strategy = EVENTS.strategy();
    let event = EVENTS.read(&event(&json!({})));
    assert!(strategy.validate(event.as_ref()).is_empty());
    assert!(strategy.validate_create(event.as_ref()).is_empty());
    let stored = strategy.to_storage_kind(event.as_ref()).unwrap();
    let core: &Event = stored.as_any().downcast_ref().unwrap();
    assert_eq!(core.message.as_deref(), Some("n"));
    assert_eq!(core.involved_object.name.as_deref(), Some("p"));
    let back = strategy.from_storage_kind(stored.as_ref()).unwrap();
    assert_eq!(EVENTS.write(back.as_ref()), EVENTS.write(event.as_ref()));
    assert_eq!(
        EVENTS.write(event.as_ref())["deprecatedFirstTimestamp"],
        Value::Null
    );
    assert_eq!(
        strategy.cells(event.as_ref(), Timestamp::UNIX_EPOCH)[3],
        "pod/p"
    );
    assert_eq!(
        strategy
            .field(event.as_ref(), "involvedObject.name")
            .as_deref(),
        Some("p")
    );
}

#[test]
fn new_events_use_the_fields_of_today() {
    let strategy = EVENTS.strategy();
    let old_style = EVENTS.read(&event(
        &json!({"eventTime": null, "type": "Odd", "deprecatedCount": 2}),
    ));
    assert_eq!(
        words(&strategy.validate_create(old_style.as_ref())),
        [
            "eventTime: Required value",
            "type: Invalid value: \"\": has invalid value: Odd",
            "count: Invalid value: \"\": needs to be unset"
        ]
    );
}

#[test]
fn only_the_series_of_an_event_goes_on() {
    let strategy = EVENTS.strategy();
    let old = EVENTS.read(&event(&json!({})));
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-01-02T03:04:06.000000Z"}});
    let next = EVENTS.read(&event(&series));
    assert!(
        strategy
            .validate_update(Part::Main, next.as_ref(), old.as_ref())
            .is_empty()
    );
    let other = EVENTS.read(&event(&json!({"note": "other"})));
    assert_eq!(
        words(&strategy.validate_update(Part::Main, other.as_ref(), old.as_ref())),
        ["message: Invalid value: \"other\": field is immutable"]
    );
}
