//! The environment of containers.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, FileKeySelector};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_config_map_key, is_dns1123_subdomain, is_relaxed_env_var_name};

use super::super::absent::text;
use super::super::check;
use super::super::downward;

/// Fields of a pod that a variable may take its value from.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Variables one by one.
pub(super) fn check(errors: &mut ErrorList, path: &Path, variables: &[EnvVar]) {
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        if variable.name.is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        } else {
            check::each(
                errors,
                &path.child("name"),
                variable.name.as_str(),
                is_relaxed_env_var_name(&variable.name),
            );
        }
        if let Some(source) = &variable.value_from {
            check_source(
                errors,
                &path.child("valueFrom"),
                source,
                text(&variable.value),
            );
        }
    }
}

fn check_source(errors: &mut ErrorList, path: &Path, source: &EnvVarSource, value: &str) {
    let mut sources = 0;
    if let Some(field) = &source.field_ref {
        sources += 1;
        downward::check_field(errors, &path.child("fieldRef"), field, FIELDS);
    }
    if let Some(field) = &source.resource_field_ref {
        sources += 1;
        downward::check_resource(errors, &path.child("resourceFieldRef"), field, false);
    }
    if let Some(selector) = &source.config_map_key_ref {
        sources += 1;
        check_key(
            errors,
            &path.child("configMapKeyRef"),
            &selector.name,
            &selector.key,
        );
    }
    if let Some(selector) = &source.secret_key_ref {
        sources += 1;
        check_key(
            errors,
            &path.child("secretKeyRef"),
            &selector.name,
            &selector.key,
        );
    }
    if let Some(selector) = &source.file_key_ref {
        sources += 1;
        check_file_key(errors, &path.child("fileKeyRef"), selector);
    }
    let wrong = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        }
        _ if !value.is_empty() => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.push(Error::invalid(path, "", wrong));
}

fn check_key(errors: &mut ErrorList, path: &Path, name: &str, key: &str) {
    check::subdomain(errors, &path.child("name"), name);
    if key.is_empty() {
        errors.push(Error::required(&path.child("key"), ""));
    } else {
        check::each(errors, &path.child("key"), key, is_config_map_key(key));
    }
}

fn check_file_key(errors: &mut ErrorList, path: &Path, selector: &FileKeySelector) {
    if selector.key.is_empty() {
        errors.push(Error::required(&path.child("key"), ""));
    } else {
        check::each(
            errors,
            &path.child("key"),
            selector.key.as_str(),
            is_relaxed_env_var_name(&selector.key),
        );
    }
    if selector.volume_name.is_empty() {
        errors.push(Error::required(&path.child("volumeName"), ""));
    } else {
        check::label(errors, &path.child("volumeName"), &selector.volume_name);
    }
    if selector.path.is_empty() {
        errors.push(Error::required(&path.child("path"), ""));
    } else {
        check::no_backsteps(errors, &path.child("path"), &selector.path);
    }
}

/// Variables taken over from whole objects. What concerns the choice of a source is said of the list.
pub(super) fn check_from(errors: &mut ErrorList, list: &Path, sources: &[EnvFromSource]) {
    for (index, source) in sources.iter().enumerate() {
        let path = list.index(index);
        let prefix = text(&source.prefix);
        if !prefix.is_empty() {
            check::each(
                errors,
                &path.child("prefix"),
                prefix,
                is_relaxed_env_var_name(prefix),
            );
        }
        if let Some(config_map) = &source.config_map_ref {
            check_object(errors, &path.child("configMapRef"), &config_map.name);
        }
        if let Some(secret) = &source.secret_ref {
            check_object(errors, &path.child("secretRef"), &secret.name);
        }
        match (source.config_map_ref.is_some(), source.secret_ref.is_some()) {
            (false, false) => errors.push(Error::invalid(
                list,
                "",
                "must specify one of: `configMapRef` or `secretRef`",
            )),
            (true, true) => errors.push(Error::invalid(
                list,
                "",
                "may not have more than one field specified at a time",
            )),
            _ => {}
        }
    }
}

fn check_object(errors: &mut ErrorList, path: &Path, name: &str) {
    if name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
        return;
    }
    // The name is taken as the beginning of one, so that it may end in a dash.
    let begun = match name.strip_suffix('-') {
        Some(before) => format!("{before}a"),
        None => name.to_owned(),
    };
    check::each(
        errors,
        &path.child("name"),
        name,
        is_dns1123_subdomain(&begun),
    );
}
