//! Parts of a claim as errors show them.

use k8s_openapi::api::resource::v1::{
    AllocationResult, CapacityRequirements, DeviceClaim, DeviceRequest, DeviceSelector,
    DeviceSubRequest, DeviceToleration, ExactDeviceRequest, OpaqueDeviceConfiguration,
    ResourceClaimSpec,
};

use crate::pod::absent::{items, text};
use crate::pod::check::Json;
use crate::pod::node_selector_shape;

/// What a claim asks for.
pub(crate) fn spec(spec: &ResourceClaimSpec) -> Json {
    let none = DeviceClaim::default();
    let claim = spec.devices.as_ref().unwrap_or(&none);
    let constraints = Json::list(items(&claim.constraints), |it| {
        Json::object(&[
            ("Requests", texts(&it.requests)),
            ("MatchAttribute", Json::of(&it.match_attribute)),
            ("DistinctAttribute", Json::of(&it.distinct_attribute)),
        ])
    });
    let config = Json::list(items(&claim.config), |it| {
        Json::object(&[
            ("Requests", texts(&it.requests)),
            ("Opaque", opaque(&it.opaque)),
        ])
    });
    let devices = Json::object(&[
        ("Requests", Json::list(items(&claim.requests), request)),
        ("Constraints", constraints),
        ("Config", config),
    ]);
    Json::object(&[("Devices", devices)])
}

fn texts(list: &Option<Vec<String>>) -> Json {
    Json::list(items(list), Json::of)
}

fn opaque(config: &Option<OpaqueDeviceConfiguration>) -> Json {
    Json::object_or_null(config, |it| {
        Json::object(&[
            ("Driver", Json::of(&it.driver)),
            ("Parameters", Json::of(&it.parameters)),
        ])
    })
}

fn request(request: &DeviceRequest) -> Json {
    Json::object(&[
        ("Name", Json::of(&request.name)),
        ("Exactly", Json::object_or_null(&request.exactly, exactly)),
        (
            "FirstAvailable",
            Json::list(items(&request.first_available), alternative),
        ),
    ])
}

fn exactly(it: &ExactDeviceRequest) -> Json {
    Json::object(&[
        ("DeviceClassName", Json::of(&it.device_class_name)),
        ("Selectors", selectors(&it.selectors)),
        ("AllocationMode", Json::of(&text(&it.allocation_mode))),
        ("Count", Json::of(&it.count.unwrap_or_default())),
        ("AdminAccess", Json::of(&it.admin_access)),
        ("Tolerations", tolerations(&it.tolerations)),
        ("Capacity", capacity(&it.capacity)),
    ])
}

fn alternative(it: &DeviceSubRequest) -> Json {
    Json::object(&[
        ("Name", Json::of(&it.name)),
        ("DeviceClassName", Json::of(&it.device_class_name)),
        ("Selectors", selectors(&it.selectors)),
        ("AllocationMode", Json::of(&text(&it.allocation_mode))),
        ("Count", Json::of(&it.count.unwrap_or_default())),
        ("Tolerations", tolerations(&it.tolerations)),
        ("Capacity", capacity(&it.capacity)),
    ])
}

fn selectors(selectors: &Option<Vec<DeviceSelector>>) -> Json {
    Json::list(items(selectors), |it| {
        let cel = Json::object_or_null(&it.cel, |cel| {
            Json::object(&[("Expression", Json::of(&cel.expression))])
        });
        Json::object(&[("CEL", cel)])
    })
}

fn tolerations(tolerations: &Option<Vec<DeviceToleration>>) -> Json {
    Json::list(items(tolerations), |it| {
        Json::object(&[
            ("Key", Json::of(&text(&it.key))),
            ("Operator", Json::of(&text(&it.operator))),
            ("Value", Json::of(&text(&it.value))),
            ("Effect", Json::of(&text(&it.effect))),
            ("TolerationSeconds", Json::of(&it.toleration_seconds)),
        ])
    })
}

fn capacity(capacity: &Option<CapacityRequirements>) -> Json {
    Json::object_or_null(capacity, |it| {
        Json::object(&[("Requests", Json::of(&it.requests))])
    })
}

/// What a claim was given.
pub(super) fn allocation(it: &AllocationResult) -> Json {
    let devices = it.devices.clone().unwrap_or_default();
    let results = Json::list(items(&devices.results), |it| {
        Json::object(&[
            ("Request", Json::of(&it.request)),
            ("Driver", Json::of(&it.driver)),
            ("Pool", Json::of(&it.pool)),
            ("Device", Json::of(&it.device)),
            ("AdminAccess", Json::of(&it.admin_access)),
            ("Tolerations", tolerations(&it.tolerations)),
            ("BindingConditions", texts(&it.binding_conditions)),
            (
                "BindingFailureConditions",
                texts(&it.binding_failure_conditions),
            ),
            ("ShareID", Json::of(&it.share_id)),
            ("ConsumedCapacity", Json::of(&it.consumed_capacity)),
        ])
    });
    let config = Json::list(items(&devices.config), |it| {
        Json::object(&[
            ("Source", Json::of(&it.source)),
            ("Requests", texts(&it.requests)),
            ("Opaque", opaque(&it.opaque)),
        ])
    });
    let devices = Json::object(&[("Results", results), ("Config", config)]);
    Json::object(&[
        ("Devices", devices),
        (
            "NodeSelector",
            Json::object_or_null(&it.node_selector, node_selector_shape),
        ),
        ("AllocationTimestamp", Json::of(&it.allocation_timestamp)),
    ])
}
