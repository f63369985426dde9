//! An event's row.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde_json::Value;

use crate::cell;

pub(crate) fn cells(event: &Event, now: Timestamp) -> Vec<Value> {
    let micro = |time: Option<&MicroTime>| cell::since(time.map(|time| Time(time.0)).as_ref(), now);
    let first = match &event.first_timestamp {
        Some(time) => cell::since(Some(time), now),
        None => micro(event.event_time.as_ref()),
    };
    let (last, count) = match (&event.series, &event.last_timestamp) {
        (Some(series), _) => (
            micro(series.last_observed_time.as_ref()),
            series.count.unwrap_or_default(),
        ),
        (None, Some(time)) => (cell::since(Some(time), now), count(event)),
        (None, None) => (first.clone(), count(event)),
    };
    let text = |text: &Option<String>| Value::String(text.clone().unwrap_or_default());
    vec![
        last.into(),
        text(&event.type_),
        text(&event.reason),
        about(event).into(),
        text(&event.involved_object.field_path),
        source(event).into(),
        event.message.as_deref().unwrap_or_default().trim().into(),
        first.into(),
        count.into(),
        cell::name(&event.metadata),
    ]
}

/// An event without a count happened once.
fn count(event: &Event) -> i32 {
    event.count.filter(|&count| count != 0).unwrap_or(1)
}

fn about(event: &Event) -> String {
    let kind = event
        .involved_object
        .kind
        .as_deref()
        .unwrap_or_default()
        .to_lowercase();
    match event
        .involved_object
        .name
        .as_deref()
        .filter(|name| !name.is_empty())
    {
        Some(name) => format!("{kind}/{name}"),
        None => kind,
    }
}

fn source(event: &Event) -> String {
    let source = event.source.clone().unwrap_or_default();
    let first = |a: Option<String>, b: &Option<String>| {
        a.filter(|a| !a.is_empty())
            .or_else(|| b.clone())
            .unwrap_or_default()
    };
    let component = first(source.component, &event.reporting_component);
    let instance = first(source.host, &event.reporting_instance);
    if instance.is_empty() {
        component
    } else {
        format!("{component}, {instance}")
    }
}
