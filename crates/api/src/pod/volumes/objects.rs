//! Volumes whose files are made of API objects.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, DownwardAPIVolumeFile, DownwardAPIVolumeSource, KeyToPath,
    SecretVolumeSource,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::{items, text};
use super::super::{check, downward};

/// Fields of a pod that can be files.
const FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

pub(super) fn check_secret(errors: &mut ErrorList, path: &Path, secret: &SecretVolumeSource) {
    check::required(errors, &path.child("secretName"), text(&secret.secret_name));
    check::file_mode(errors, &path.child("defaultMode"), secret.default_mode);
    check_items(errors, path, items(&secret.items));
}

pub(super) fn check_config_map(
    errors: &mut ErrorList,
    path: &Path,
    config_map: &ConfigMapVolumeSource,
) {
    check::required(errors, &path.child("name"), &config_map.name);
    check::file_mode(errors, &path.child("defaultMode"), config_map.default_mode);
    check_items(errors, path, items(&config_map.items));
}

fn check_items(errors: &mut ErrorList, path: &Path, items: &[KeyToPath]) {
    for (index, item) in items.iter().enumerate() {
        check_item(errors, &path.child("items").index(index), item);
    }
}

/// A key and the file it becomes.
pub(super) fn check_item(errors: &mut ErrorList, path: &Path, item: &KeyToPath) {
    check::required(errors, &path.child("key"), &item.key);
    check::required(errors, &path.child("path"), &item.path);
    check::local_path(errors, &path.child("path"), &item.path);
    check::file_mode(errors, &path.child("mode"), item.mode);
}

/// What is found is said of the volume, not of one of its files.
pub(super) fn check_downward(
    errors: &mut ErrorList,
    path: &Path,
    downward: &DownwardAPIVolumeSource,
) {
    check::file_mode(errors, &path.child("defaultMode"), downward.default_mode);
    for file in items(&downward.items) {
        check_downward_file(errors, path, file);
    }
}

pub(super) fn check_downward_file(
    errors: &mut ErrorList,
    path: &Path,
    file: &DownwardAPIVolumeFile,
) {
    check::required(errors, &path.child("path"), &file.path);
    check::local_path(errors, &path.child("path"), &file.path);
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), other) => {
            downward::check_field(errors, &path.child("fieldRef"), field, FIELDS);
            if other.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(Error::invalid(path, "resource", detail));
            }
        }
        (None, Some(field)) => {
            downward::check_resource(errors, &path.child("resourceFieldRef"), field, true);
        }
        (None, None) => errors.push(Error::required(
            path,
            "one of fieldRef and resourceFieldRef is required",
        )),
    }
    check::file_mode(errors, &path.child("mode"), file.mode);
}
