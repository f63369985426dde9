//! What a slice may offer.

use k8s_openapi::api::resource::v1::{CounterSet, ResourcePool, ResourceSliceSpec};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::defaults::has_lists;
use super::device;
use crate::check::{dns_subdomain, immutable};
use crate::pod::absent::items;
use crate::pod::check::{Json, label};
use crate::pod::volume_sources::check_driver_name;
use crate::pod::{check_node_selector, node_selector_shape};
use crate::resource::check;
use crate::resource::identifiers::check_pool;

/// The most devices of a slice, and where one of them has what makes them costly.
const MAX_DEVICES: usize = 128;
const MAX_COSTLY_DEVICES: usize = 64;
/// The most sets of counters, and counters in one.
const MAX_COUNTER_SETS: usize = 8;
pub(super) const MAX_COUNTERS: usize = 32;
/// The longest name of a counter.
pub(super) const MAX_COUNTER: usize = 63;
const ONE_PLACE: &str =
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";

pub(super) fn spec(spec: &ResourceSliceSpec, old: Option<&ResourceSliceSpec>) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    check_driver_name(&mut errors, &path.child("driver"), &spec.driver);
    pool(&mut errors, &path.child("pool"), &spec.pool);
    if let Some(old) = old {
        errors.extend(fixed(&path, spec, old));
    }
    place(&mut errors, &path, spec);
    if spec.shared_counters.is_some() && spec.devices.is_some() {
        let detail = "only one of `sharedCounters` or `devices` is allowed";
        errors.push(Error::invalid(&path, "", detail));
    }
    devices(&mut errors, &path.child("devices"), spec, old);
    check::set(
        &mut errors,
        &path.child("sharedCounters"),
        items(&spec.shared_counters),
        MAX_COUNTER_SETS,
        |set| set.name.clone(),
        counter_set,
    );
    errors
}

fn pool(errors: &mut ErrorList, path: &Path, pool: &ResourcePool) {
    check_pool(errors, &path.child("name"), &pool.name);
    let (slices, generation) = (pool.resource_slice_count, pool.generation);
    if slices <= 0 {
        let path = path.child("resourceSliceCount");
        errors.push(Error::invalid(&path, slices, "must be greater than zero"));
    }
    if generation < 0 {
        let detail = "must be greater than or equal to zero";
        errors.push(Error::invalid(
            &path.child("generation"),
            generation,
            detail,
        ));
    }
}

fn fixed(path: &Path, spec: &ResourceSliceSpec, old: &ResourceSliceSpec) -> ErrorList {
    let name = path.child("pool").child("name");
    let mut errors = immutable(&spec.pool.name, &old.pool.name, &name);
    errors.extend(immutable(&spec.driver, &old.driver, &path.child("driver")));
    let node = path.child("nodeName");
    errors.extend(immutable(&spec.node_name, &old.node_name, &node));
    errors
}

/// Where the devices are: said in just one way.
fn place(errors: &mut ErrorList, path: &Path, spec: &ResourceSliceSpec) {
    let mut ways = Vec::new();
    match spec.node_name.as_deref() {
        None => {}
        Some("") => {
            let detail = "must be either unset or set to a non-empty string";
            errors.push(Error::invalid(&path.child("nodeName"), "", detail));
        }
        Some(name) => {
            ways.push("`nodeName`");
            errors.extend(dns_subdomain(name, &path.child("nodeName")));
        }
    }
    if let Some(selector) = &spec.node_selector {
        ways.push("`nodeSelector`");
        let path = path.child("nodeSelector");
        check_node_selector(errors, &path, selector);
        if selector.node_selector_terms.len() != 1 {
            let terms = node_selector_shape(selector).0;
            let terms = terms
                .strip_prefix(r#"{"NodeSelectorTerms":"#)
                .and_then(|rest| rest.strip_suffix('}'));
            errors.push(Error::invalid(
                &path.child("nodeSelectorTerms"),
                Json(terms.unwrap_or("null").to_owned()),
                "must have exactly one node selector term",
            ));
        }
    }
    for (name, way, is) in [
        ("allNodes", "`allNodes`", spec.all_nodes),
        (
            "perDeviceNodeSelection",
            "`perDeviceNodeSelection`",
            spec.per_device_node_selection,
        ),
    ] {
        match is {
            None => {}
            Some(true) => ways.push(way),
            Some(false) => {
                let detail = "must be either unset or set to true";
                errors.push(Error::invalid(&path.child(name), false, detail));
            }
        }
    }
    match ways.as_slice() {
        [] => errors.push(Error::required(path, ONE_PLACE)),
        [_] => {}
        many => errors.push(Error::invalid(
            path,
            format!("{{{}}}", many.join(", ")),
            format!("{ONE_PLACE}, but multiple fields are set"),
        )),
    }
}

fn devices(
    errors: &mut ErrorList,
    path: &Path,
    spec: &ResourceSliceSpec,
    old: Option<&ResourceSliceSpec>,
) {
    let devices = items(&spec.devices);
    let costly = devices.iter().any(|device| {
        device.taints.is_some() || device.consumes_counters.is_some() || has_lists(device)
    });
    let max = if costly {
        MAX_COSTLY_DEVICES
    } else {
        MAX_DEVICES
    };
    let before = old.map(|old| items(&old.devices)).unwrap_or_default();
    let each = spec.per_device_node_selection == Some(true);
    check::set(
        errors,
        path,
        devices,
        max,
        |device| device.name.clone(),
        |errors, path, device| {
            let before = before.iter().find(|old| old.name == device.name);
            device::check(errors, path, device, before, each);
        },
    );
}

fn counter_set(errors: &mut ErrorList, path: &Path, set: &CounterSet) {
    match set.name.as_str() {
        "" => errors.push(Error::required(&path.child("name"), "")),
        name => label(errors, &path.child("name"), name),
    }
    let path = path.child("counters");
    if set.counters.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    let limits = (MAX_COUNTERS, MAX_COUNTER);
    check::map(errors, &path, &set.counters, limits, label, |_, _, _| {});
}
