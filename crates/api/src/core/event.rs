//! Events of the core group, which is also how those of `events.k8s.io` are kept.

mod cells;
mod validate;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

pub(crate) use cells::cells;
pub(crate) use validate::{Api, as_it_always_was};

use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, UpdateRules};

impl Hooks for Event {
    const METADATA: MetadataRules = MetadataRules::NONE;
    const COLUMNS: &'static [Column] = &[
        Column::of(
            "Last Seen",
            "string",
            "",
            0,
            "The time at which the most recent occurrence of this event was recorded.",
        ),
        Column::of(
            "Type",
            "string",
            "",
            0,
            "Type of this event (Normal, Warning), new types could be added in the future",
        ),
        Column::of(
            "Reason",
            "string",
            "",
            0,
            "This should be a short, machine understandable string that gives the reason for the transition into the object's current \
            status.",
        ),
        Column::of(
            "Object",
            "string",
            "",
            0,
            "The object that this event is about.",
        ),
        Column::of(
            "Subobject",
            "string",
            "",
            1,
            "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field \
            access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container \
            within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the \
            container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 \
            in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
        ),
        Column::of(
            "Source",
            "string",
            "",
            1,
            "The component reporting this event. Should be a short machine understandable string.",
        ),
        Column::of(
            "Message",
            "string",
            "",
            0,
            "A human-readable description of the status of this operation.",
        ),
        Column::of(
            "First Seen",
            "string",
            "",
            1,
            "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
        ),
        Column::of(
            "Count",
            "string",
            "",
            1,
            "The number of times this event has occurred.",
        ),
        Column::of(
            "Name",
            "string",
            "name",
            1,
            "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client \
            to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and \
            configuration definition. Cannot be updated. More info: \
            https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
        ),
    ];
    const FIELDS: &'static [&'static str] = FIELDS;
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn apply_defaults(&mut self) {
        self.source.get_or_insert_default();
        self.reporting_component.get_or_insert_default();
        self.reporting_instance.get_or_insert_default();
        drop_empty(&mut self.action);
        drop_empty(&mut self.count);
        drop_empty(&mut self.message);
        drop_empty(&mut self.reason);
        drop_empty(&mut self.type_);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        // The oldest rule there is; recorders make names that no other kind would take.
        naming::path_segment(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        as_it_always_was(self, Api::Core)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        cells(self, now)
    }

    fn field(&self, path: &str) -> Option<String> {
        field(self, path)
    }
}

/// What field selectors may name.
const FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// The value of a selectable field.
pub(crate) fn field(event: &Event, path: &str) -> Option<String> {
    let about = &event.involved_object;
    let value = match path {
        "involvedObject.kind" => &about.kind,
        "involvedObject.namespace" => &about.namespace,
        "involvedObject.name" => &about.name,
        "involvedObject.uid" => &about.uid,
        "involvedObject.apiVersion" => &about.api_version,
        "involvedObject.resourceVersion" => &about.resource_version,
        "involvedObject.fieldPath" => &about.field_path,
        "reason" => &event.reason,
        "reportingComponent" => &event.reporting_component,
        "source" => return Some(source(event)),
        "type" => &event.type_,
        _ => return None,
    };
    Some(value.clone().unwrap_or_default())
}

fn source(event: &Event) -> String {
    let component = event
        .source
        .as_ref()
        .and_then(|source| source.component.clone());
    let component = component.filter(|component| !component.is_empty());
    component
        .or_else(|| event.reporting_component.clone())
        .unwrap_or_default()
}
