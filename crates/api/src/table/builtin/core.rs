//! The core group.

use k8s_openapi::api::core::v1::{
    Binding, ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume,
    PersistentVolumeClaim, Pod, PodTemplate, ReplicationController, ResourceQuota, Secret, Service,
    ServiceAccount,
};

use crate::def::Verb;
use crate::table::row::Row;

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

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<Binding>().verbs(&[Verb::Create]),
        Row::of::<ConfigMap>().short("cm"),
        Row::of::<Endpoints>().short("ep"),
        Row::of::<Event>().short("ev"),
        Row::of::<LimitRange>().short("limits"),
        Row::of::<Namespace>()
            .short("ns")
            .verbs(NAMESPACE_VERBS)
            .finalize()
            .status(),
        Row::of::<Node>()
            .short("no")
            .proxy("NodeProxyOptions")
            .status(),
        Row::of::<PersistentVolumeClaim>().short("pvc").status(),
        Row::of::<PersistentVolume>().short("pv").status(),
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
        Row::of::<PodTemplate>(),
        Row::of::<ReplicationController>()
            .short("rc")
            .category("all")
            .scale()
            .status(),
        Row::of::<ResourceQuota>().short("quota").status(),
        Row::of::<Secret>(),
        Row::of::<ServiceAccount>().short("sa").token(),
        Row::of::<Service>()
            .short("svc")
            .category("all")
            .proxy("ServiceProxyOptions")
            .status(),
    ]
}
