//! `events.k8s.io`.

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::events::v1::Event as EventsEvent;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<EventsEvent>()
            .short("ev")
            .not_cached()
            .not_collected()
            .stored_as::<Event>(),
    ]
}
