//! What a device may be.

use k8s_openapi::api::resource::v1::{Device, DeviceAttribute, DeviceCounterConsumption};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::capacity;
use super::validate::{MAX_COUNTER, MAX_COUNTERS};
use crate::check::dns_subdomain;
use crate::pod::absent::items;
use crate::pod::check::{Json, label};
use crate::pod::check_node_selector;
use crate::resource::check;
use crate::resource::identifiers::{MAX_QUALIFIED, check_qualified};
use crate::resource::toleration::{check_binding, check_taint};
use crate::shown::json;

/// The most attributes and capacities together, and values of attributes.
const MAX_PROPERTIES: usize = 32;
const MAX_VALUES: usize = 48;
const MAX_TAINTS: usize = 16;
/// The most sets of counters that a device takes from.
const MAX_CONSUMED: usize = 2;
/// The longest value of an attribute, in bytes.
const MAX_VALUE: usize = 64;
const ONE_PLACE: &str = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to \
    true in the ResourceSlice spec";

/// Checks a device; `each`: every device of the slice says where it is.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    device: &Device,
    old: Option<&Device>,
    each: bool,
) {
    label(errors, &path.child("name"), &device.name);
    properties(errors, path, device);
    if old.is_none_or(|old| old.taints != device.taints) {
        let path = path.child("taints");
        check::list(
            errors,
            &path,
            items(&device.taints),
            MAX_TAINTS,
            check_taint,
        );
    }
    check::set(
        errors,
        &path.child("consumesCounters"),
        items(&device.consumes_counters),
        MAX_CONSUMED,
        |consumed| consumed.counter_set.clone(),
        check_consumption,
    );
    place(errors, path, device, each);
    check_binding(
        errors,
        path,
        items(&device.binding_conditions),
        items(&device.binding_failure_conditions),
    );
}

fn properties(errors: &mut ErrorList, path: &Path, device: &Device) {
    let (no_attributes, no_capacity) = (Default::default(), Default::default());
    let attributes = device.attributes.as_ref().unwrap_or(&no_attributes);
    let capacities = device.capacity.as_ref().unwrap_or(&no_capacity);
    let count = attributes.len() + capacities.len();
    if count > MAX_PROPERTIES {
        let detail = format!(
            "the total number of attributes and capacities must not exceed {MAX_PROPERTIES}"
        );
        errors.push(Error::invalid(path, count, detail));
    }
    let values: usize = attributes.values().map(number_of_values).sum();
    if values > MAX_VALUES {
        let detail = format!("the total number of attribute values must not exceed {MAX_VALUES}");
        errors.push(Error::invalid(path, values, detail));
    }
    let limits = (usize::MAX, MAX_QUALIFIED);
    let at = path.child("attributes");
    check::map(errors, &at, attributes, limits, check_qualified, attribute);
    let many = device.allow_multiple_allocations == Some(true);
    check::map(
        errors,
        &path.child("capacity"),
        capacities,
        limits,
        check_qualified,
        |errors, path, it| capacity::check(errors, path, it, many),
    );
}

fn number_of_values(it: &DeviceAttribute) -> usize {
    let lists = items(&it.bools).len()
        + items(&it.ints).len()
        + items(&it.strings).len()
        + items(&it.versions).len();
    lists.max(1)
}

/// An attribute has one value, of one type; or one list of values.
fn attribute(errors: &mut ErrorList, path: &Path, it: &DeviceAttribute) {
    if let Some(value) = &it.string {
        check_string(errors, &path.child("string"), value);
    }
    if let Some(version) = &it.version {
        check_version(errors, &path.child("version"), version);
    }
    let lists = [
        ("bools", it.bools.as_ref().map(Vec::len)),
        ("ints", it.ints.as_ref().map(Vec::len)),
        ("strings", it.strings.as_ref().map(Vec::len)),
        ("versions", it.versions.as_ref().map(Vec::len)),
    ];
    for (name, _) in lists.iter().filter(|(_, length)| *length == Some(0)) {
        let none: [(); 0] = [];
        let detail = "must not be empty if specified";
        errors.push(Error::invalid(&path.child(name), json(&none), detail));
    }
    for (at, value) in items(&it.strings).iter().enumerate() {
        check_string(errors, &path.child("strings").index(at), value);
    }
    for (at, version) in items(&it.versions).iter().enumerate() {
        check_version(errors, &path.child("versions").index(at), version);
    }
    let single = [
        it.bool.is_some(),
        it.int.is_some(),
        it.string.is_some(),
        it.version.is_some(),
    ];
    let lists = lists.iter().filter(|(_, length)| length.is_some());
    let detail = "exactly one value must be specified";
    match single.iter().filter(|is| **is).count() + lists.count() {
        0 => errors.push(Error::invalid(path, "", detail)),
        1 => {}
        _ => errors.push(Error::invalid(path, shown(it), detail)),
    }
}

fn shown(it: &DeviceAttribute) -> Json {
    Json::object(&[
        ("IntValue", Json::of(&it.int)),
        ("BoolValue", Json::of(&it.bool)),
        ("StringValue", Json::of(&it.string)),
        ("VersionValue", Json::of(&it.version)),
        ("IntValues", Json::of(&it.ints)),
        ("BoolValues", Json::of(&it.bools)),
        ("StringValues", Json::of(&it.strings)),
        ("VersionValues", Json::of(&it.versions)),
    ])
}

fn check_string(errors: &mut ErrorList, path: &Path, value: &str) {
    if value.len() > MAX_VALUE {
        errors.push(Error::too_long(path, MAX_VALUE));
    }
}

fn check_version(errors: &mut ErrorList, path: &Path, version: &str) {
    if !is_semantic_version(version) {
        let detail = "must be a string compatible with semver.org spec 2.0.0";
        errors.push(Error::invalid(path, version, detail));
    }
    check_string(errors, path, version);
}

/// `1.2.3`, `1.2.3-alpha.1`, `1.2.3+build.5`.
fn is_semantic_version(version: &str) -> bool {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (numbers, release) = match rest.split_once('-') {
        Some((numbers, release)) => (numbers, Some(release)),
        None => (rest, None),
    };
    let is_number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits && (text == "0" || !text.starts_with('0'))
    };
    let is_word = |text: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.bytes().all(letter)
    };
    let is_identifier = |text: &str| {
        is_number(text) || (is_word(text) && !text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let numbers: Vec<&str> = numbers.split('.').collect();
    numbers.len() == 3
        && numbers.into_iter().all(is_number)
        && release.is_none_or(|release| release.split('.').all(is_identifier))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

fn check_consumption(errors: &mut ErrorList, path: &Path, it: &DeviceCounterConsumption) {
    match it.counter_set.as_str() {
        "" => errors.push(Error::required(&path.child("counterSet"), "")),
        name => label(errors, &path.child("counterSet"), name),
    }
    let path = path.child("counters");
    if it.counters.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    let limits = (MAX_COUNTERS, MAX_COUNTER);
    check::map(errors, &path, &it.counters, limits, label, |_, _, _| {});
}

/// Where a device is, where its slice leaves that to it: said in just one way.
fn place(errors: &mut ErrorList, path: &Path, device: &Device, each: bool) {
    let (name, selector, all) = (&device.node_name, &device.node_selector, device.all_nodes);
    if !each {
        if name.is_some() || selector.is_some() || all.is_some() {
            let detail = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the \
                ResourceSlice spec";
            errors.push(Error::invalid(path, json(&None::<()>), detail));
        }
        return;
    }
    let mut ways = Vec::new();
    match name.as_deref() {
        None => {}
        Some("") => {
            let path = path.child("nodeName");
            errors.push(Error::invalid(&path, "", "must not be empty"));
        }
        Some(name) => {
            ways.push("`nodeName`");
            errors.extend(dns_subdomain(name, &path.child("nodeName")));
        }
    }
    if let Some(selector) = selector {
        ways.push("`nodeSelector`");
        check_node_selector(errors, &path.child("nodeSelector"), selector);
    }
    match all {
        None => {}
        Some(true) => ways.push("`allNodes`"),
        Some(false) => {
            let detail = "must be either unset or set to true";
            errors.push(Error::invalid(&path.child("allNodes"), false, detail));
        }
    }
    match ways.as_slice() {
        [] => errors.push(Error::required(path, ONE_PLACE)),
        [_] => {}
        many => {
            let shown = format!("{{{}}}", many.join(", "));
            errors.push(Error::invalid(path, shown, ONE_PLACE));
        }
    }
}
