//! What a limit range may say.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{LimitRangeItem, LimitRangeSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;
use navarch_machinery::quantity::Quantity;

use crate::check::found;
use crate::pod::amount::{compare, shown};
use crate::pod::resource_names::is_overcommitable;
use crate::pod::{validate_container_resource_name, validate_resource_name};

type Amounts = Option<BTreeMap<String, Text>>;

pub(super) fn spec(spec: &LimitRangeSpec) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut types = BTreeSet::new();
    for (at, limit) in spec.limits.iter().enumerate() {
        let path = Path::new("spec").child("limits").index(at);
        let (kind, kind_at) = (limit.type_.as_str(), path.child("type"));
        errors.extend(type_name(kind, &kind_at));
        if !types.insert(kind) {
            errors.push(Error::duplicate(&kind_at, kind));
        }
        errors.extend(names(limit, &path));
        let all: BTreeSet<&String> = lists(limit)
            .into_iter()
            .filter(|(name, _)| kind != "Pod" || !name.starts_with("default"))
            .flat_map(|(_, list)| list.iter().flatten().map(|(name, _)| name))
            .collect();
        for name in all {
            errors.extend(order(limit, name, &path));
        }
    }
    errors
}

fn type_name(kind: &str, path: &Path) -> ErrorList {
    let mut errors = found(kind, is_qualified_name(kind), path);
    let standard = ["Pod", "Container", "PersistentVolumeClaim"].contains(&kind);
    if errors.is_empty() && !kind.contains('/') && !standard {
        let detail = "must be a standard limit type or fully qualified";
        errors.push(Error::invalid(path, kind, detail));
    }
    errors
}

fn lists(limit: &LimitRangeItem) -> [(&'static str, &Amounts); 5] {
    [
        ("max", &limit.max),
        ("min", &limit.min),
        ("default", &limit.default),
        ("defaultRequest", &limit.default_request),
        ("maxLimitRequestRatio", &limit.max_limit_request_ratio),
    ]
}

fn names(limit: &LimitRangeItem, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let kind = limit.type_.as_str();
    let has_storage = |list: &Amounts| list.as_ref().is_some_and(|it| it.contains_key("storage"));
    for (list, amounts) in lists(limit) {
        if list == "maxLimitRequestRatio"
            && kind == "PersistentVolumeClaim"
            && !has_storage(&limit.min)
            && !has_storage(&limit.max)
        {
            let detail =
                "either minimum or maximum storage value is required, but neither was provided";
            errors.push(Error::required(&path.child("limits"), detail));
        }
        let path = path.child(list);
        if kind == "Pod" && list.starts_with("default") {
            if amounts.as_ref().is_some_and(|amounts| !amounts.is_empty()) {
                let detail = "may not be specified when `type` is 'Pod'";
                errors.push(Error::forbidden(&path, detail));
            }
            continue;
        }
        for (name, _) in amounts.iter().flatten() {
            errors.extend(match kind {
                "Pod" | "Container" => validate_container_resource_name(name, &path.key(name)),
                _ => validate_resource_name(name, &path.key(name)),
            });
        }
    }
    errors
}

/// Checks that least, asked for, given and most come in this order for a resource.
fn order(limit: &LimitRangeItem, name: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let of = |list: &'static str| {
        let (_, amounts) = lists(limit).into_iter().find(|(it, _)| *it == list)?;
        amounts.as_ref()?.get(name)
    };
    let is_pod = limit.type_ == "Pod";
    let (min, max) = (of("min"), of("max"));
    let given = of("default").filter(|_| !is_pod);
    let asked = of("defaultRequest").filter(|_| !is_pod);
    let ratio = of("maxLimitRequestRatio");
    // The lower with its name, the higher with its name, the field, and which of the two is shown.
    let pairs = [
        (min, "min value", max, "max value", "min", true),
        (
            min,
            "min value",
            asked,
            "default request value",
            "defaultRequest",
            false,
        ),
        (
            asked,
            "default request value",
            max,
            "max value",
            "defaultRequest",
            true,
        ),
        (
            asked,
            "default request value",
            given,
            "default limit value",
            "defaultRequest",
            true,
        ),
        (min, "min value", given, "default value", "default", true),
        (given, "default value", max, "max value", "default", false),
    ];
    for (low, low_name, high, high_name, field, shows_low) in pairs {
        let (Some(low), Some(high)) = (low, high) else {
            continue;
        };
        if compare(low, high) == Ordering::Greater {
            let (low, high) = (shown(low), shown(high));
            let detail = format!("{low_name} {low} is greater than {high_name} {high}");
            let value = if shows_low { low } else { high };
            errors.push(Error::invalid(&path.child(field).key(name), value, detail));
        }
    }
    if let Some(ratio) = ratio {
        let path = path.child("maxLimitRequestRatio").key(name);
        errors.extend(ratios(ratio, min, max, &path));
    }
    if let (Some(given), Some(asked)) = (given, asked)
        && !is_overcommitable(name)
        && compare(given, asked) != Ordering::Equal
    {
        let (given, asked) = (shown(given), shown(asked));
        let detail =
            format!("default value {given} must equal to defaultRequest value {asked} in {name}");
        errors.push(Error::invalid(
            &path.child("defaultRequest").key(name),
            asked,
            detail,
        ));
    }
    errors
}

fn ratios(ratio: &Text, min: Option<&Text>, max: Option<&Text>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let text = shown(ratio);
    if compare(ratio, &Text("1".to_owned())) == Ordering::Less {
        let detail = format!("ratio {text} is less than 1");
        errors.push(Error::invalid(path, text.as_str(), detail));
    }
    let (Some(min), Some(max)) = (min, max) else {
        return errors;
    };
    let number = |text: &Text| Quantity::try_from(text).unwrap_or_default().approximate();
    let most = number(max) / number(min);
    if number(ratio) > most {
        let detail = format!("ratio {text} is greater than max/min = {most:.6}");
        errors.push(Error::invalid(path, text, detail));
    }
    errors
}
