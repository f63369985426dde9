//! What a claim leaves out.

use k8s_openapi::api::resource::v1::{
    CapacityRequirements, DeviceSelector, DeviceToleration, ResourceClaimSpec, ResourceClaimStatus,
};

use crate::empty::drop_empty;
use crate::pod::absent::{default_text, items_mut};
use crate::pod::amount;

const EXACT_COUNT: &str = "ExactCount";

/// Fills in what a claim leaves out, and takes out what is empty.
pub(crate) fn default_spec(spec: &mut ResourceClaimSpec) {
    let devices = spec.devices.get_or_insert_default();
    drop_empty(&mut devices.requests);
    drop_empty(&mut devices.constraints);
    drop_empty(&mut devices.config);
    for request in items_mut(&mut devices.requests) {
        drop_empty(&mut request.first_available);
        if let Some(it) = &mut request.exactly {
            default_count(&mut it.allocation_mode, &mut it.count);
            default_wishes(&mut it.selectors, &mut it.tolerations, &mut it.capacity);
        }
        for it in items_mut(&mut request.first_available) {
            default_count(&mut it.allocation_mode, &mut it.count);
            default_wishes(&mut it.selectors, &mut it.tolerations, &mut it.capacity);
        }
    }
    for constraint in items_mut(&mut devices.constraints) {
        drop_empty(&mut constraint.requests);
    }
    for config in items_mut(&mut devices.config) {
        drop_empty(&mut config.requests);
    }
}

/// A request that does not say how many devices it wants, wants one.
fn default_count(mode: &mut Option<String>, count: &mut Option<i64>) {
    drop_empty(count);
    default_text(mode, EXACT_COUNT);
    if mode.as_deref() == Some(EXACT_COUNT) {
        count.get_or_insert(1);
    }
}

fn default_wishes(
    selectors: &mut Option<Vec<DeviceSelector>>,
    tolerations: &mut Option<Vec<DeviceToleration>>,
    capacity: &mut Option<CapacityRequirements>,
) {
    drop_empty(selectors);
    default_tolerations(tolerations);
    if let Some(capacity) = capacity {
        drop_empty(&mut capacity.requests);
        capacity
            .requests
            .iter_mut()
            .flat_map(|requests| requests.values_mut())
            .for_each(amount::canonicalize);
    }
}

/// Who does not say how values compare means that they are equal.
fn default_tolerations(tolerations: &mut Option<Vec<DeviceToleration>>) {
    omit_tolerations(tolerations);
    for it in items_mut(tolerations) {
        it.operator.get_or_insert_with(|| "Equal".to_owned());
    }
}

fn omit_tolerations(tolerations: &mut Option<Vec<DeviceToleration>>) {
    drop_empty(tolerations);
    for it in items_mut(tolerations) {
        let texts = [&mut it.effect, &mut it.key, &mut it.operator, &mut it.value];
        texts.into_iter().for_each(drop_empty);
    }
}

/// Takes out of a status what is empty.
pub(super) fn default_status(status: &mut ResourceClaimStatus) {
    drop_empty(&mut status.devices);
    drop_empty(&mut status.reserved_for);
    for consumer in items_mut(&mut status.reserved_for) {
        drop_empty(&mut consumer.api_group);
    }
    for device in items_mut(&mut status.devices) {
        if let Some(network) = &mut device.network_data {
            drop_empty(&mut network.hardware_address);
            drop_empty(&mut network.interface_name);
            drop_empty(&mut network.ips);
        }
        for condition in items_mut(&mut device.conditions) {
            drop_empty(&mut condition.observed_generation);
        }
    }
    let Some(allocation) = &mut status.allocation else {
        return;
    };
    let devices = allocation.devices.get_or_insert_default();
    drop_empty(&mut devices.config);
    drop_empty(&mut devices.results);
    for config in items_mut(&mut devices.config) {
        drop_empty(&mut config.requests);
    }
    for result in items_mut(&mut devices.results) {
        drop_empty(&mut result.binding_conditions);
        drop_empty(&mut result.binding_failure_conditions);
        drop_empty(&mut result.consumed_capacity);
        omit_tolerations(&mut result.tolerations);
        let consumed = result.consumed_capacity.iter_mut();
        consumed
            .flat_map(|consumed| consumed.values_mut())
            .for_each(amount::canonicalize);
    }
}
