use k8s_openapi::api::core::v1::{Event as CoreEvent, EventSeries as CoreSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_machinery::time::is_zero;
use serde_json::{Value, json};

use super::convert::{from_core, to_core};
use crate::strategy::{Strategy, TypedStrategy};

#[test]
fn a_series_without_a_time_has_the_zero_time_under_the_newer_names_alone() {
    let core = CoreEvent {
        series: Some(CoreSeries {
            count: Some(2),
            last_observed_time: None,
        }),
        ..Default::default()
    };
    let event = from_core(&core);
    let series = event.series.as_ref().unwrap();
    assert!(is_zero(&Time(series.last_observed_time.0)));
    let mut json = Vec::new();
    TypedStrategy::<super::Event>::new(true).encode(&event, &mut json);
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        json["series"],
        json!({"count": 2, "lastObservedTime": null})
    );
    assert_eq!(to_core(&event).series, core.series);
}
