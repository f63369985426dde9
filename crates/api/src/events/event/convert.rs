//! Between the two groups: the same facts under other names.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event as CoreEvent, EventSeries as CoreSeries};
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use navarch_machinery::time;

pub(super) fn to_core(event: &Event) -> CoreEvent {
    let event = event.clone();
    CoreEvent {
        action: event.action,
        count: event.deprecated_count,
        event_time: event.event_time,
        first_timestamp: event.deprecated_first_timestamp,
        involved_object: event.regarding.unwrap_or_default(),
        last_timestamp: event.deprecated_last_timestamp,
        message: event.note,
        metadata: event.metadata,
        reason: event.reason,
        related: event.related,
        reporting_component: event.reporting_controller,
        reporting_instance: event.reporting_instance,
        series: event.series.map(|series| CoreSeries {
            count: Some(series.count),
            last_observed_time: Some(series.last_observed_time)
                .filter(|at| !time::is_zero(&Time(at.0))),
        }),
        source: event.deprecated_source,
        type_: event.type_,
    }
}

pub(super) fn from_core(event: &CoreEvent) -> Event {
    let event = event.clone();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Event {
        action: event.action,
        deprecated_count: event.count,
        deprecated_first_timestamp: event.first_timestamp,
        deprecated_last_timestamp: event.last_timestamp,
        deprecated_source: Some(event.source.unwrap_or_default()),
        event_time: event.event_time,
        metadata: event.metadata,
        note: event.message,
        reason: event.reason,
        regarding: Some(event.involved_object),
        related: event.related,
        reporting_controller: given(event.reporting_component),
        reporting_instance: given(event.reporting_instance),
        series: event.series.map(|series| EventSeries {
            count: series.count.unwrap_or_default(),
            last_observed_time: series.last_observed_time.unwrap_or_else(nobody_gave),
        }),
        type_: event.type_,
    }
}

/// What Go has for a time that nobody gave: the newer series must have one.
fn nobody_gave() -> MicroTime {
    MicroTime(time::ZERO.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}
