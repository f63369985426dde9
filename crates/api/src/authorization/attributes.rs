//! What is asked: about a resource, or about a path.

use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;
use serde_json::{Value, json};

use crate::check::found;
use crate::empty::drop_empty;
use crate::shown;

type Resource = Option<ResourceAttributes>;
type Other = Option<NonResourceAttributes>;

pub(super) fn default_attributes(resource: &mut Resource, other: &mut Other) {
    if let Some(resource) = resource {
        let texts = [
            &mut resource.group,
            &mut resource.name,
            &mut resource.namespace,
            &mut resource.resource,
            &mut resource.subresource,
            &mut resource.verb,
            &mut resource.version,
        ];
        texts.into_iter().for_each(drop_empty);
        if let Some(selector) = &mut resource.field_selector {
            drop_empty(&mut selector.raw_selector);
            drop_empty(&mut selector.requirements);
        }
        if let Some(selector) = &mut resource.label_selector {
            drop_empty(&mut selector.raw_selector);
            drop_empty(&mut selector.requirements);
        }
    }
    if let Some(other) = other {
        drop_empty(&mut other.path);
        drop_empty(&mut other.verb);
    }
}

pub(super) fn default_spec(spec: &mut SubjectAccessReviewSpec) {
    default_attributes(
        &mut spec.resource_attributes,
        &mut spec.non_resource_attributes,
    );
    drop_empty(&mut spec.extra);
    drop_empty(&mut spec.groups);
    drop_empty(&mut spec.uid);
    drop_empty(&mut spec.user);
}

/// Checks that one thing is asked.
pub(super) fn validate_one(resource: &Resource, other: &Other) -> ErrorList {
    let path = Path::new("spec");
    match (resource, other) {
        (Some(_), Some(_)) => {
            let path = path.child("nonResourceAttributes");
            let detail = "cannot be specified in combination with resourceAttributes";
            vec![Error::invalid(&path, shown(other), detail)]
        }
        (None, None) => {
            let path = path.child("resourceAttributes");
            let detail =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            vec![Error::invalid(&path, Value::Null, detail)]
        }
        _ => ErrorList::new(),
    }
}

/// Checks what is asked and about whom.
pub(super) fn validate_spec(spec: &SubjectAccessReviewSpec) -> ErrorList {
    let mut errors = validate_one(&spec.resource_attributes, &spec.non_resource_attributes);
    if spec.user.is_none() && spec.groups.is_none() {
        let path = Path::new("spec").child("user");
        let detail = "at least one of user or group must be specified";
        errors.push(Error::invalid(&path, "", detail));
    }
    errors.extend(validate_selectors(&spec.resource_attributes));
    errors
}

/// As Kubernetes keeps it in memory, where members have no other names.
pub(super) fn shown(other: &Other) -> shown::Raw {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let value = other.as_ref();
    shown::json(&value.map(|other| json!({"Path": text(&other.path), "Verb": text(&other.verb)})))
}

/// Checks the selectors that a question about many objects may have.
pub(super) fn validate_selectors(resource: &Resource) -> ErrorList {
    let Some(resource) = resource else {
        return ErrorList::new();
    };
    let path = Path::new("spec").child("resourceAttributes");
    let mut errors = ErrorList::new();
    if let Some(selector) = &resource.field_selector {
        let at = path.child("fieldSelector");
        let requirements = selector.requirements.iter().flatten();
        let requirements = requirements.map(|one| (&one.key, &one.operator, one.values.as_deref()));
        let raw = selector.raw_selector.as_deref();
        errors.extend(validate_selector(raw, requirements, |_| Vec::new(), &at));
    }
    if let Some(selector) = &resource.label_selector {
        let at = path.child("labelSelector");
        let requirements = selector.requirements.iter().flatten();
        let requirements = requirements.map(|one| (&one.key, &one.operator, one.values.as_deref()));
        let raw = selector.raw_selector.as_deref();
        errors.extend(validate_selector(raw, requirements, is_qualified_name, &at));
    }
    errors
}

type Requirement<'a> = (&'a String, &'a String, Option<&'a [String]>);

fn validate_selector<'a>(
    raw: Option<&str>,
    requirements: impl Iterator<Item = Requirement<'a>>,
    key_rule: fn(&str) -> Vec<String>,
    path: &Path,
) -> ErrorList {
    let requirements: Vec<Requirement<'_>> = requirements.collect();
    let mut errors = ErrorList::new();
    let at = path.child("requirements");
    match (raw, requirements.is_empty()) {
        (Some(raw), false) => {
            let detail = "may not specified at the same time as requirements";
            errors.push(Error::invalid(&path.child("rawSelector"), raw, detail));
        }
        (None, true) => {
            let detail =
                format!("when {path} is specified, requirements or rawSelector is required");
            errors.push(Error::required(&at, detail));
        }
        _ => {}
    }
    for (index, (key, operator, values)) in requirements.into_iter().enumerate() {
        let path = at.index(index);
        let has_values = values.is_some_and(|values| !values.is_empty());
        // Operators of the future are let through.
        match operator.as_str() {
            "In" | "NotIn" if !has_values => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(Error::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if has_values => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(Error::forbidden(&path.child("values"), detail));
            }
            _ => {}
        }
        let key_path = path.child("key");
        if key.is_empty() {
            errors.push(Error::required(&key_path, "must be specified"));
        } else {
            errors.extend(found(key, key_rule(key), &key_path));
        }
    }
    errors
}

/// A question is not kept, so it has no metadata.
pub(super) fn validate_no_metadata(meta: &ObjectMeta, detail: &str) -> ErrorList {
    let path = Path::new("metadata");
    let asked = ObjectMeta {
        managed_fields: None,
        ..meta.clone()
    };
    if asked == ObjectMeta::default() {
        return ErrorList::new();
    }
    vec![Error::invalid(&path, shown::json(&asked), detail)]
}
