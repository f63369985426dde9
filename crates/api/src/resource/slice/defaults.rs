//! What a slice leaves out, and what of it is not taken.

use k8s_openapi::api::resource::v1::{Device, DeviceCapacity, ResourceSliceSpec};

use crate::empty::drop_empty;
use crate::pod::absent::{items, items_mut};
use crate::pod::amount;

/// Takes out what is empty, and writes amounts as Kubernetes does.
pub(super) fn apply(spec: &mut ResourceSliceSpec) {
    drop_empty(&mut spec.devices);
    drop_empty(&mut spec.shared_counters);
    for counters in items_mut(&mut spec.shared_counters) {
        let counters = counters.counters.values_mut();
        counters.for_each(|counter| amount::canonicalize(&mut counter.value));
    }
    items_mut(&mut spec.devices).iter_mut().for_each(device);
}

fn device(device: &mut Device) {
    drop_empty(&mut device.attributes);
    drop_empty(&mut device.binding_conditions);
    drop_empty(&mut device.binding_failure_conditions);
    drop_empty(&mut device.capacity);
    drop_empty(&mut device.consumes_counters);
    drop_empty(&mut device.node_allocatable_resource_mappings);
    drop_empty(&mut device.taints);
    for taint in items_mut(&mut device.taints) {
        drop_empty(&mut taint.value);
    }
    for consumed in items_mut(&mut device.consumes_counters) {
        let counters = consumed.counters.values_mut();
        counters.for_each(|counter| amount::canonicalize(&mut counter.value));
    }
    let capacity = device.capacity.iter_mut();
    capacity
        .flat_map(|capacity| capacity.values_mut())
        .for_each(capacity_of);
}

fn capacity_of(capacity: &mut DeviceCapacity) {
    amount::canonicalize(&mut capacity.value);
    let Some(policy) = &mut capacity.request_policy else {
        return;
    };
    policy.default.iter_mut().for_each(amount::canonicalize);
    drop_empty(&mut policy.valid_values);
    let values = items_mut(&mut policy.valid_values);
    values.iter_mut().for_each(amount::canonicalize);
    if let Some(range) = &mut policy.valid_range {
        amount::canonicalize(&mut range.min);
        range.max.iter_mut().for_each(amount::canonicalize);
        range.step.iter_mut().for_each(amount::canonicalize);
    }
}

/// Drops fields of features that are off, unless the slice has them already: attributes that are lists, and devices that take
/// from what a node can give.
pub(super) fn drop_disabled(spec: &mut ResourceSliceSpec, old: Option<&ResourceSliceSpec>) {
    let had = |has: fn(&Device) -> bool| {
        let devices = old.map(|old| items(&old.devices));
        devices.into_iter().flatten().any(has)
    };
    let mappings = had(|device| device.node_allocatable_resource_mappings.is_some());
    let lists = had(has_lists);
    for device in items_mut(&mut spec.devices) {
        if !mappings {
            device.node_allocatable_resource_mappings = None;
        }
        let attributes = device.attributes.iter_mut().filter(|_| !lists);
        for attribute in attributes.flat_map(|all| all.values_mut()) {
            attribute.bools = None;
            attribute.ints = None;
            attribute.strings = None;
            attribute.versions = None;
        }
    }
}

/// Whether an attribute of the device has many values.
pub(super) fn has_lists(device: &Device) -> bool {
    let attributes = device.attributes.iter().flatten();
    attributes.into_iter().any(|(_, it)| {
        it.bools.is_some() || it.ints.is_some() || it.strings.is_some() || it.versions.is_some()
    })
}
