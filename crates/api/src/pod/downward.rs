//! Fields of a pod that its containers are told.

use k8s_openapi::api::core::v1::{ObjectFieldSelector, ResourceFieldSelector};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::text;
use super::{amount, check};

/// Fields that have a name at all.
const KNOWN: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Amounts of a container.
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
/// Units in which sizes may be told.
const SIZES: &[&str] = &[
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

/// A field of the pod; `allowed`: those that can be told here.
pub(super) fn check_field(
    errors: &mut ErrorList,
    path: &Path,
    field: &ObjectFieldSelector,
    allowed: &[&str],
) {
    let version = text(&field.api_version);
    if version.is_empty() {
        errors.push(Error::required(&path.child("apiVersion"), ""));
        return;
    }
    if field.field_path.is_empty() {
        errors.push(Error::required(&path.child("fieldPath"), ""));
        return;
    }
    let name = field.field_path.as_str();
    match resolve(version, name) {
        Err(why) => errors.push(Error::invalid(
            &path.child("fieldPath"),
            name,
            format!("error converting fieldPath: {why}"),
        )),
        Ok((_, Some("metadata.annotations"), key)) => {
            check::qualified_name(errors, path, &key.to_lowercase());
        }
        Ok((_, Some(_), key)) => check::qualified_name(errors, path, key),
        Ok((name, None, _)) if !allowed.contains(&name) => {
            errors.push(Error::not_supported(
                &path.child("fieldPath"),
                name,
                allowed,
            ));
        }
        Ok(_) => {}
    }
}

/// The field's name now, and where it has a subscript the field and the key in it.
fn resolve<'a>(
    version: &str,
    name: &'a str,
) -> Result<(&'a str, Option<&'a str>, &'a str), String> {
    if version != "v1" {
        return Err(format!("unsupported pod version: {version}"));
    }
    if let Some((field, key)) = subscript(name) {
        return match field {
            "metadata.annotations" | "metadata.labels" => Ok((name, Some(field), key)),
            _ => Err(format!("field label does not support subscript: {name}")),
        };
    }
    match name {
        "spec.host" => Ok(("spec.nodeName", None, "")),
        _ if KNOWN.contains(&name) => Ok((name, None, "")),
        _ => Err(format!("field label not supported: {name}")),
    }
}

/// `field['key']`.
fn subscript(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix("']")?
        .split_once("['")
        .filter(|(field, _)| !field.is_empty())
}

/// An amount of a container; in a volume it must say which.
pub(super) fn check_resource(
    errors: &mut ErrorList,
    path: &Path,
    field: &ResourceFieldSelector,
    in_volume: bool,
) {
    let name = field.resource.as_str();
    let hugepages =
        name.starts_with("requests.hugepages-") || name.starts_with("limits.hugepages-");
    if in_volume && text(&field.container_name).is_empty() {
        errors.push(Error::required(&path.child("containerName"), ""));
    } else if name.is_empty() {
        errors.push(Error::required(&path.child("resource"), ""));
    } else if !RESOURCES.contains(&name) && !hugepages {
        errors.push(Error::not_supported(
            &path.child("resource"),
            name,
            RESOURCES,
        ));
    }
    let Some(divisor) = field
        .divisor
        .as_ref()
        .filter(|divisor| !amount::is_zero(divisor))
    else {
        return;
    };
    let sizes = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let (supported, words, of) = match name.split_once('.').map_or("", |(_, resource)| resource) {
        "cpu" => (&["1m", "1"][..], "1m and 1", "cpu"),
        "memory" => (SIZES, sizes, "memory"),
        "ephemeral-storage" => (SIZES, sizes, "local ephemeral storage"),
        _ if hugepages => (SIZES, sizes, "hugepages"),
        _ => return,
    };
    if !supported.contains(&amount::shown(divisor).as_str()) {
        let detail = format!("only divisor's values {words} are supported with the {of} resource");
        errors.push(Error::invalid(&path.child("divisor"), name, detail));
    }
}
