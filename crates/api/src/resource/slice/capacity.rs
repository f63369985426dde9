//! How much of a device there is, and how much of it can be asked for.

use k8s_openapi::api::resource::v1::{
    CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::pod::absent::items;
use crate::pod::amount;
use crate::resource::check as lists;

/// The most amounts that can be asked for.
const MAX_OPTIONS: usize = 10;

/// Checks a capacity; `many`: the device can be given to many at once.
pub(super) fn check(errors: &mut ErrorList, path: &Path, capacity: &DeviceCapacity, many: bool) {
    let Some(policy) = &capacity.request_policy else {
        return;
    };
    let path = path.child("requestPolicy");
    if !many {
        let detail = "allowMultipleAllocations must be true";
        errors.push(Error::forbidden(&path, detail));
        return;
    }
    check_policy(errors, &path, policy, &capacity.value);
}

fn check_policy(
    errors: &mut ErrorList,
    path: &Path,
    policy: &CapacityRequestPolicy,
    value: &Quantity,
) {
    let missing = |kind: &str| {
        let detail = format!("required when {kind} is defined");
        Error::required(&path.child("default"), detail)
    };
    let values = items(&policy.valid_values);
    match (&policy.valid_range, values, &policy.default) {
        (Some(_), [_, ..], _) => errors.push(Error::forbidden(
            path,
            "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time",
        )),
        (None, [], _) => {}
        (None, _, None) => errors.push(missing("validValues")),
        (Some(_), [], None) => errors.push(missing("validRange")),
        (None, _, Some(default)) => {
            check_values(errors, &path.child("validValues"), default, value, values);
        }
        (Some(range), [], Some(default)) => {
            check_range(errors, &path.child("validRange"), default, value, range);
        }
    }
}

/// Amounts that grow, each within the capacity, the default among them.
fn check_values(
    errors: &mut ErrorList,
    path: &Path,
    default: &Quantity,
    capacity: &Quantity,
    values: &[Quantity],
) {
    for (at, pair) in values.windows(2).enumerate() {
        if let [one, next] = pair
            && amount::compare(one, next).is_gt()
        {
            let detail = "values must be sorted in ascending order";
            errors.push(Error::invalid(
                &path.index(at + 1),
                amount::shown(next),
                detail,
            ));
        }
    }
    let mut found = false;
    lists::set(
        errors,
        path,
        values,
        MAX_OPTIONS,
        |value| amount::value(value).to_string(),
        |errors, path, option| {
            found |= amount::compare(option, default).is_eq();
            if amount::compare(option, capacity).is_gt() {
                let capacity = amount::shown(capacity);
                let detail = format!("option is larger than capacity value: {capacity}");
                errors.push(Error::invalid(path, amount::shown(option), detail));
            }
        },
    );
    if !found {
        let detail = "default value is not valid according to the requestPolicy";
        errors.push(Error::invalid(path, amount::shown(default), detail));
    }
}

fn check_range(
    errors: &mut ErrorList,
    path: &Path,
    default: &Quantity,
    capacity: &Quantity,
    range: &CapacityRequestPolicyRange,
) {
    let (min, min_path, max_path) = (&range.min, path.child("min"), path.child("max"));
    if min.0.is_empty() {
        let detail = "required when validRange is defined";
        errors.push(Error::required(&min_path, detail));
        return;
    }
    let too_much = |path: &Path, what: &Quantity, words: &str, than: &Quantity| {
        let detail = format!("{words}: {}", amount::shown(than));
        Error::invalid(path, amount::shown(what), detail)
    };
    let is_more = |one: &Quantity, other: &Quantity| amount::compare(one, other).is_gt();
    if is_more(min, capacity) {
        let words = "min is larger than capacity value";
        errors.push(too_much(&min_path, min, words, capacity));
    }
    if is_more(min, default) {
        let words = "default is less than min";
        errors.push(too_much(&min_path, default, words, min));
    }
    if let Some(max) = &range.max {
        if is_more(min, max) {
            errors.push(too_much(&max_path, min, "min is larger than max", max));
        }
        if is_more(max, capacity) {
            let words = "max is larger than capacity value";
            errors.push(too_much(&max_path, max, words, capacity));
        }
        if is_more(default, max) {
            let words = "default is more than max";
            errors.push(too_much(&max_path, default, words, max));
        }
    }
    if let Some(step) = &range.step {
        check_step(errors, &path.child("step"), default, capacity, range, step);
    }
}

/// From the least, in whole steps: to the default and to the most; and one step is within the capacity.
fn check_step(
    errors: &mut ErrorList,
    path: &Path,
    default: &Quantity,
    capacity: &Quantity,
    range: &CapacityRequestPolicyRange,
    step: &Quantity,
) {
    let one = amount::add(&range.min, step);
    if amount::compare(&one, capacity).is_gt() {
        let detail = format!(
            "one step {} is larger than capacity value: {}",
            amount::shown(&one),
            amount::shown(capacity)
        );
        errors.push(Error::invalid(path, amount::shown(step), detail));
    }
    let (size, min) = (amount::value(step), amount::value(&range.min));
    for value in [Some(default), range.max.as_ref()].into_iter().flatten() {
        let rest = amount::value(value).wrapping_sub(min).checked_rem(size);
        if rest != Some(0) {
            let detail = format!(
                "value is not a multiple of a given step ({}) from ({})",
                amount::shown(step),
                amount::shown(&range.min)
            );
            errors.push(Error::invalid(path, amount::shown(value), detail));
        }
    }
}
