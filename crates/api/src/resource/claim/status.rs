//! What may be given to a claim, and said of it.

use k8s_openapi::api::resource::v1::{
    AllocatedDeviceStatus, AllocationResult, DeviceAllocationConfiguration,
    DeviceRequestAllocationResult, NetworkDeviceData, ResourceClaim,
    ResourceClaimConsumerReference, ResourceClaimStatus,
};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_valid_interface_address;

use super::change::given;
use super::names::Names;
use super::shown;
use super::spec::{MAX_CONFIGS, MAX_REQUESTS, check_names};
use crate::metadata::validate_conditions;
use crate::pod::absent::{items, text};
use crate::pod::check::{Json, label, required, supported_value};
use crate::pod::check_node_selector;
use crate::pod::volume_sources::check_driver_name;
use crate::resource::check;
use crate::resource::identifiers::{check_pool, check_uid};
use crate::resource::selector::{check_opaque, check_raw};
use crate::resource::toleration::check_binding;

/// The most that a claim is reserved for.
const MAX_CONSUMERS: usize = 256;
/// The most conditions of a device.
const MAX_CONDITIONS: usize = 8;
/// The most addresses of a device, and the longest names of its interface and its hardware.
const MAX_ADDRESSES: usize = 16;
const MAX_INTERFACE: usize = 256;
const MAX_HARDWARE: usize = 128;

/// Checks a change of the status.
pub(super) fn errors(claim: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
    let (none, no_status) = (
        ResourceClaimStatus::default(),
        ResourceClaimStatus::default(),
    );
    let status = claim.status.as_ref().unwrap_or(&none);
    let before = old.status.as_ref().unwrap_or(&no_status);
    let path = Path::new("status");
    let mut errors = ErrorList::new();
    let reserved = path.child("reservedFor");
    check::set(
        &mut errors,
        &reserved,
        items(&status.reserved_for),
        MAX_CONSUMERS,
        |consumer| consumer.uid.clone(),
        check_consumer,
    );
    let devices = items(&status.devices);
    let allocated = given(status);
    let check_device = |errors: &mut _, path: &_, device: &_| {
        check_device(errors, path, device, &allocated);
    };
    check::list(
        &mut errors,
        &path.child("devices"),
        devices,
        usize::MAX,
        check_device,
    );
    unique_devices(&mut errors, &path.child("devices"), devices);
    let deleted = claim.metadata.deletion_timestamp.is_some();
    check_reserved(&mut errors, &reserved, status, before, deleted);
    check_allocation(
        &mut errors,
        &path.child("allocation"),
        claim,
        status,
        before,
    );
    errors
}

fn check_consumer(errors: &mut ErrorList, path: &Path, it: &ResourceClaimConsumerReference) {
    required(errors, &path.child("resource"), &it.resource);
    required(errors, &path.child("name"), &it.name);
    required(errors, &path.child("uid"), &it.uid);
}

/// Only what is given can be reserved; and what is going is not reserved any further.
fn check_reserved(
    errors: &mut ErrorList,
    path: &Path,
    status: &ResourceClaimStatus,
    before: &ResourceClaimStatus,
    deleted: bool,
) {
    let consumers = items(&status.reserved_for);
    if consumers.is_empty() {
        return;
    }
    let is_new = |it: &ResourceClaimConsumerReference| !items(&before.reserved_for).contains(it);
    if status.allocation.is_none() {
        let detail = "may not be specified when `allocated` is not set";
        errors.push(Error::forbidden(path, detail));
    } else if deleted && consumers.iter().any(is_new) {
        errors.push(Error::forbidden(
            path,
            "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
        ));
    }
}

/// What was given stays as it is until it is taken away.
fn check_allocation(
    errors: &mut ErrorList,
    path: &Path,
    claim: &ResourceClaim,
    status: &ResourceClaimStatus,
    before: &ResourceClaimStatus,
) {
    match (&status.allocation, &before.allocation) {
        (Some(new), Some(old)) if new != old => {
            let shown = shown::allocation(new);
            errors.push(Error::invalid(path, shown, "field is immutable"));
        }
        (Some(new), None) => {
            let names = Names::of(claim.spec.devices.as_ref());
            check_given(errors, path, new, &names);
        }
        _ => {}
    }
}

fn check_given(errors: &mut ErrorList, path: &Path, new: &AllocationResult, names: &Names<'_>) {
    let devices = new.devices.clone().unwrap_or_default();
    let devices_path = path.child("devices");
    check::list(
        errors,
        &devices_path.child("results"),
        items(&devices.results),
        MAX_REQUESTS,
        |errors, path, result| check_result(errors, path, result, names),
    );
    check::list(
        errors,
        &devices_path.child("config"),
        items(&devices.config),
        2 * MAX_CONFIGS,
        |errors, path, config| check_config(errors, path, config, names),
    );
    if let Some(selector) = &new.node_selector {
        check_node_selector(errors, &path.child("nodeSelector"), selector);
    }
}

fn check_result(
    errors: &mut ErrorList,
    path: &Path,
    it: &DeviceRequestAllocationResult,
    names: &Names<'_>,
) {
    names.check(errors, &path.child("request"), &it.request);
    check_driver_name(errors, &path.child("driver"), &it.driver);
    check_pool(errors, &path.child("pool"), &it.pool);
    label(errors, &path.child("device"), &it.device);
    check_binding(
        errors,
        path,
        items(&it.binding_conditions),
        items(&it.binding_failure_conditions),
    );
    if let Some(share) = &it.share_id {
        check_uid(errors, &path.child("shareID"), share);
    }
}

fn check_config(
    errors: &mut ErrorList,
    path: &Path,
    config: &DeviceAllocationConfiguration,
    names: &Names<'_>,
) {
    let source = path.child("source");
    match config.source.as_str() {
        "" => errors.push(Error::required(&source, "")),
        it => supported_value(errors, &source, it, &["FromClaim", "FromClass"]),
    }
    check_names(errors, path, items(&config.requests), names);
    check_opaque(errors, path, config.opaque.as_ref());
}

/// A device that is given, as errors show it.
fn shown_device(it: &AllocatedDeviceStatus) -> Json {
    Json::object(&[
        ("Driver", Json::of(&it.driver)),
        ("Pool", Json::of(&it.pool)),
        ("Device", Json::of(&it.device)),
        ("ShareID", Json::of(&text(&it.share_id))),
    ])
}

fn unique_devices(errors: &mut ErrorList, path: &Path, devices: &[AllocatedDeviceStatus]) {
    let keys: Vec<Json> = devices.iter().map(shown_device).collect();
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].iter().any(|other| other.0 == key.0) {
            errors.push(Error::duplicate(&path.index(at), key));
        }
    }
}

fn check_device(
    errors: &mut ErrorList,
    path: &Path,
    it: &AllocatedDeviceStatus,
    allocated: &[super::change::Given<'_>],
) {
    check_driver_name(errors, &path.child("driver"), &it.driver);
    check_pool(errors, &path.child("pool"), &it.pool);
    label(errors, &path.child("device"), &it.device);
    if let Some(share) = &it.share_id {
        check_uid(errors, &path.child("shareID"), share);
    }
    let device = (
        it.driver.as_str(),
        it.pool.as_str(),
        it.device.as_str(),
        text(&it.share_id),
    );
    if !allocated.contains(&device) {
        let detail = "must be an allocated device in the claim";
        errors.push(Error::invalid(path, shown_device(it), detail));
    }
    let conditions = items(&it.conditions);
    let conditions_path = path.child("conditions");
    if conditions.len() > MAX_CONDITIONS {
        let error = Error::too_many(&conditions_path, conditions.len(), MAX_CONDITIONS);
        errors.push(error);
    }
    errors.extend(validate_conditions(conditions, &conditions_path));
    if let Some(RawExtension(raw)) = &it.data
        && !raw.is_null()
    {
        check_raw(errors, &path.child("data"), &RawExtension(raw.clone()));
    }
    if let Some(network) = &it.network_data {
        check_network(errors, &path.child("networkData"), network);
    }
}

fn check_network(errors: &mut ErrorList, path: &Path, network: &NetworkDeviceData) {
    for (name, value, max) in [
        ("interfaceName", &network.interface_name, MAX_INTERFACE),
        ("hardwareAddress", &network.hardware_address, MAX_HARDWARE),
    ] {
        if text(value).len() > max {
            errors.push(Error::too_long(&path.child(name), max));
        }
    }
    check::set(
        errors,
        &path.child("ips"),
        items(&network.ips),
        MAX_ADDRESSES,
        String::clone,
        |errors, path, address| errors.extend(is_valid_interface_address(path, address)),
    );
}
