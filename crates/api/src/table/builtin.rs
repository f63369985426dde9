//! The rows. Groups stand in the order of discovery; see docs/how-to/add-a-resource.md.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    Binding, ConfigMap, Endpoints, Event, Namespace, Node, Pod, ReplicationController, Secret,
    Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event as EventsEvent;

use super::row::Row;
use crate::def::{ResourceDef, Verb};

/// Without `deletecollection`: emptying all namespaces in one call is nothing anybody means.
const NAMESPACE_VERBS: &[Verb] = &[
    Verb::Create,
    Verb::Delete,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];

pub(super) fn rows() -> Vec<ResourceDef> {
    let rows = [core(), apps(), events(), coordination(), discovery()];
    rows.into_iter().flatten().map(Row::done).collect()
}

fn core() -> Vec<Row> {
    vec![
        Row::of::<Binding>().verbs(&[Verb::Create]),
        Row::of::<ConfigMap>().short("cm"),
        Row::of::<Endpoints>().short("ep"),
        Row::of::<Event>().short("ev"),
        Row::of::<Namespace>()
            .short("ns")
            .verbs(NAMESPACE_VERBS)
            .finalize()
            .status(),
        Row::of::<Node>()
            .short("no")
            .proxy("NodeProxyOptions")
            .status(),
        Row::of::<Pod>()
            .short("po")
            .category("all")
            .attach()
            .binding()
            .ephemeral_containers()
            .eviction()
            .exec()
            .log()
            .port_forward()
            .proxy("PodProxyOptions")
            .resize()
            .status(),
        Row::of::<ReplicationController>()
            .short("rc")
            .category("all")
            .scale()
            .status(),
        Row::of::<Secret>(),
        Row::of::<ServiceAccount>().short("sa").token(),
        Row::of::<Service>()
            .short("svc")
            .category("all")
            .proxy("ServiceProxyOptions")
            .status(),
    ]
}

fn apps() -> Vec<Row> {
    vec![
        Row::of::<Deployment>()
            .short("deploy")
            .category("all")
            .scale()
            .status(),
        Row::of::<ReplicaSet>()
            .short("rs")
            .category("all")
            .scale()
            .status(),
    ]
}

fn events() -> Vec<Row> {
    vec![Row::of::<EventsEvent>().short("ev").stored_as::<Event>()]
}

fn coordination() -> Vec<Row> {
    vec![Row::of::<Lease>()]
}

fn discovery() -> Vec<Row> {
    vec![Row::of::<EndpointSlice>()]
}
