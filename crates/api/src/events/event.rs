//! Events of `events.k8s.io`: newer names for the fields of core events, and stricter rules.

mod convert;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::object::Object;
use navarch_machinery::time::is_zero;
use serde_json::Value;

use crate::check::{dns_subdomain, immutable};
use crate::core::event::{Api, as_it_always_was, cells, field};
use crate::def::Column;
use crate::strategy::{Hooks, Part, UpdateRules};

/// What field selectors may name: the core group's, by their newer names.
const FIELDS: &[&str] = &[
    "reason",
    "regarding.apiVersion",
    "regarding.fieldPath",
    "regarding.kind",
    "regarding.name",
    "regarding.namespace",
    "regarding.resourceVersion",
    "regarding.uid",
    "reportingController",
    "type",
];

impl Hooks for Event {
    const COLUMNS: &'static [Column] = CoreEvent::COLUMNS;
    const FIELDS: &'static [&'static str] = FIELDS;
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn apply_defaults(&mut self) {
        self.deprecated_source.get_or_insert_default();
        self.regarding.get_or_insert_default();
    }

    fn name_errors(_name: &str, _prefix: bool) -> Vec<String> {
        // Events that come from the core group may have any name; new ones of this group are checked as such.
        Vec::new()
    }

    fn validate(&self) -> ErrorList {
        as_it_always_was(&convert::to_core(self), Api::Events)
    }

    fn validate_create(&self) -> ErrorList {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let mut errors = match name {
            // That there is none is told already.
            "" => ErrorList::new(),
            _ => dns_subdomain(name, &Path::new("metadata").child("name")),
        };
        errors.extend(new_event(&convert::to_core(self)));
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        changed_event(&convert::to_core(self), &convert::to_core(old))
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        cells(&convert::to_core(self), now)
    }

    fn field(&self, path: &str) -> Option<String> {
        let core = match path.strip_prefix("regarding.") {
            Some(of_object) => format!("involvedObject.{of_object}"),
            None if path == "reportingController" => "reportingComponent".to_owned(),
            None => path.to_owned(),
        };
        field(&convert::to_core(self), &core)
    }

    fn from_storage_kind(stored: &dyn Object) -> Option<Self> {
        stored.as_any().downcast_ref().map(convert::from_core)
    }

    fn to_storage_kind(&self) -> Option<Box<dyn Object>> {
        let mut core = convert::to_core(self);
        Hooks::apply_defaults(&mut core);
        Some(Box::new(core))
    }
}

/// New events say when, and in the fields of today.
fn new_event(event: &CoreEvent) -> ErrorList {
    let mut errors = series(event);
    if event.event_time.is_none() {
        errors.push(Error::required(&Path::new("eventTime"), ""));
    }
    let kind = event.type_.as_deref().unwrap_or_default();
    if kind != "Normal" && kind != "Warning" {
        errors.push(Error::invalid(
            &Path::new("type"),
            "",
            format!("has invalid value: {kind}"),
        ));
    }
    let source = event.source.clone().unwrap_or_default();
    let given = |text: Option<String>| text.is_some_and(|text| !text.is_empty());
    let old_fields = [
        ("firstTimestamp", event.first_timestamp.is_some()),
        ("lastTimestamp", event.last_timestamp.is_some()),
        ("count", event.count.unwrap_or_default() != 0),
        ("source", given(source.component) || given(source.host)),
    ];
    for (name, _) in old_fields.into_iter().filter(|(_, set)| *set) {
        errors.push(Error::invalid(&Path::new(name), "", "needs to be unset"));
    }
    errors
}

/// Only the series goes on.
fn changed_event(event: &CoreEvent, old: &CoreEvent) -> ErrorList {
    let mut errors = if event.series == old.series {
        ErrorList::new()
    } else {
        series(event)
    };
    let path = Path::new;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    errors.extend(immutable(
        &event.involved_object,
        &old.involved_object,
        &path("involvedObject"),
    ));
    errors.extend(immutable(
        &text(&event.reason),
        &text(&old.reason),
        &path("reason"),
    ));
    errors.extend(immutable(
        &text(&event.message),
        &text(&old.message),
        &path("message"),
    ));
    let source = |event: &CoreEvent| event.source.clone().unwrap_or_default();
    errors.extend(immutable(&source(event), &source(old), &path("source")));
    errors.extend(immutable(
        &event.first_timestamp,
        &old.first_timestamp,
        &path("firstTimestamp"),
    ));
    errors.extend(immutable(
        &event.last_timestamp,
        &old.last_timestamp,
        &path("lastTimestamp"),
    ));
    let count = |event: &CoreEvent| event.count.unwrap_or_default();
    errors.extend(immutable(&count(event), &count(old), &path("count")));
    errors.extend(immutable(
        &text(&event.reason),
        &text(&old.reason),
        &path("reason"),
    ));
    errors.extend(immutable(
        &text(&event.type_),
        &text(&old.type_),
        &path("type"),
    ));
    errors.extend(immutable(
        &event.event_time,
        &old.event_time,
        &path("eventTime"),
    ));
    errors.extend(immutable(
        &text(&event.action),
        &text(&old.action),
        &path("action"),
    ));
    errors.extend(immutable(&event.related, &old.related, &path("related")));
    let (now, before) = (
        text(&event.reporting_component),
        text(&old.reporting_component),
    );
    errors.extend(immutable(&now, &before, &path("reportingController")));
    let (now, before) = (
        text(&event.reporting_instance),
        text(&old.reporting_instance),
    );
    errors.extend(immutable(&now, &before, &path("reportingInstance")));
    errors
}

fn series(event: &CoreEvent) -> ErrorList {
    let Some(series) = &event.series else {
        return ErrorList::new();
    };
    let mut errors = ErrorList::new();
    if series.count.unwrap_or_default() < 2 {
        errors.push(Error::invalid(
            &Path::new("series.count"),
            "",
            "should be at least 2",
        ));
    }
    let at = series.last_observed_time.as_ref();
    if at.is_none_or(|at| is_zero(&Time(at.0))) {
        errors.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
    errors
}
