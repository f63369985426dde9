//! What is asked: about a resource, or about a path.

use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_label_value, is_qualified_name};
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
        errors.extend(validate_selector(raw, requirements, validate_field, &at));
    }
    if let Some(selector) = &resource.label_selector {
        let at = path.child("labelSelector");
        let requirements = selector.requirements.iter().flatten();
        let requirements = requirements.map(|one| (&one.key, &one.operator, one.values.as_deref()));
        let raw = selector.raw_selector.as_deref();
        errors.extend(validate_selector(raw, requirements, validate_label, &at));
    }
    errors
}

type Requirement<'a> = (&'a String, &'a String, Option<&'a [String]>);

fn validate_selector<'a>(
    raw: Option<&str>,
    requirements: impl Iterator<Item = Requirement<'a>>,
    key_and_values: fn(&str, &[String], &Path) -> ErrorList,
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
        errors.extend(key_and_values(key, values.unwrap_or_default(), &path));
    }
    errors
}

fn validate_field(key: &str, _values: &[String], path: &Path) -> ErrorList {
    if key.is_empty() {
        vec![Error::required(&path.child("key"), "must be specified")]
    } else {
        ErrorList::new()
    }
}

fn validate_label(key: &str, values: &[String], path: &Path) -> ErrorList {
    let mut errors: ErrorList = found(key, is_qualified_name(key), &path.child("key"));
    let values = values.iter().zip(0..);
    errors.extend(values.flat_map(|(value, at)| {
        found(
            value,
            is_label_value(value),
            &path.child("values").index(at),
        )
    }));
    errors
}

/// In the order in which Kubernetes has the fields.
fn shown_meta(meta: &ObjectMeta) -> shown::Raw {
    let members = [
        ("name", meta.name.as_ref().map(shown::json)),
        ("generateName", meta.generate_name.as_ref().map(shown::json)),
        ("namespace", meta.namespace.as_ref().map(shown::json)),
        (
            "resourceVersion",
            meta.resource_version.as_ref().map(shown::json),
        ),
        ("generation", meta.generation.as_ref().map(shown::json)),
        ("labels", meta.labels.as_ref().map(shown::json)),
        ("annotations", meta.annotations.as_ref().map(shown::json)),
        (
            "ownerReferences",
            meta.owner_references.as_ref().map(shown::json),
        ),
        ("finalizers", meta.finalizers.as_ref().map(shown::json)),
    ];
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?.0)));
    shown::Raw(format!("{{{}}}", given.collect::<Vec<_>>().join(",")))
}

/// A question is not kept, so it has no metadata, but for the namespace if it is `local`.
pub(super) fn validate_no_metadata(meta: &ObjectMeta, is_local: bool) -> ErrorList {
    let path = Path::new("metadata");
    // What only the server sets is taken from every new object.
    let asked = ObjectMeta {
        managed_fields: None,
        uid: None,
        creation_timestamp: None,
        deletion_timestamp: None,
        deletion_grace_period_seconds: None,
        self_link: None,
        namespace: meta.namespace.clone().filter(|_| !is_local),
        ..meta.clone()
    };
    if asked == ObjectMeta::default() {
        return ErrorList::new();
    }
    let detail = match is_local {
        true => "must be empty except for namespace",
        false => "must be empty",
    };
    vec![Error::invalid(&path, shown_meta(meta), detail)]
}
