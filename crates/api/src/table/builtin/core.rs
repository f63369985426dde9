//! The core group.

use k8s_openapi::api::core::v1::{
    Binding, ComponentStatus, ConfigMap, Endpoints, Event, LimitRange, Namespace, Node,
    PersistentVolume, PersistentVolumeClaim, Pod, PodTemplate, ReplicationController,
    ResourceQuota, Secret, Service, ServiceAccount,
};

use crate::def::{Source, Special, Verb};
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
        Row::of::<Binding>().from(Source::Binding, &[Verb::Create]),
        Row::of::<ComponentStatus>()
            .short("cs")
            .from(Source::Components, &[Verb::Get, Verb::List])
            .deprecated("v1 ComponentStatus is deprecated in v1.19+"),
        Row::of::<ConfigMap>().short("cm"),
        Row::of::<Endpoints>()
            .short("ep")
            .directory("services/endpoints")
            .deprecated(
                "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
            ),
        Row::of::<Event>().short("ev").not_cached().not_collected(),
        Row::of::<LimitRange>().short("limits"),
        Row::of::<Namespace>()
            .short("ns")
            .verbs(NAMESPACE_VERBS)
            .special(Special::Namespace)
            .finalize()
            .status(),
        Row::of::<Node>()
            .short("no")
            .directory("minions")
            .proxy("NodeProxyOptions")
            .status(),
        Row::of::<PersistentVolumeClaim>()
            .short("pvc")
            .returns_deleted()
            .status(),
        Row::of::<PersistentVolume>()
            .short("pv")
            .returns_deleted()
            .status(),
        Row::of::<Pod>()
            .short("po")
            .category("all")
            .returns_deleted()
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
        Row::of::<PodTemplate>().returns_deleted(),
        Row::of::<ReplicationController>()
            .short("rc")
            .category("all")
            .directory("controllers")
            .scale()
            .status(),
        Row::of::<ResourceQuota>()
            .short("quota")
            .returns_deleted()
            .status(),
        Row::of::<Secret>(),
        Row::of::<ServiceAccount>()
            .short("sa")
            .returns_deleted()
            .token(),
        Row::of::<Service>()
            .short("svc")
            .category("all")
            .directory("services/specs")
            .special(Special::Service)
            .returns_deleted()
            .proxy("ServiceProxyOptions")
            .status(),
    ]
}
