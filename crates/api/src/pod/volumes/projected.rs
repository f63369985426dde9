//! Volumes made of several sources.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    KeyToPath, ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::items;
use super::super::check;
use super::objects;

/// The shortest life of a token: ten minutes.
const MIN_TOKEN_SECONDS: i64 = 600;
/// The longest life of a token.
const MAX_TOKEN_SECONDS: i64 = 1 << 32;

/// The files that the sources before have made.
struct Files<'a>(BTreeSet<&'a str>);

impl<'a> Files<'a> {
    /// `shown`: what the error is said to be about.
    fn add(&mut self, errors: &mut ErrorList, volume: &Path, file: &'a str, shown: &str) {
        if !file.is_empty() && !self.0.insert(file) {
            errors.push(Error::invalid(volume, shown, "conflicting duplicate paths"));
        }
    }
}

pub(super) fn check(errors: &mut ErrorList, volume: &Path, projected: &ProjectedVolumeSource) {
    check::file_mode(errors, &volume.child("defaultMode"), projected.default_mode);
    let mut files = Files(BTreeSet::new());
    for (index, source) in items(&projected.sources).iter().enumerate() {
        check_source(
            errors,
            volume,
            &volume.child("sources").index(index),
            source,
            &mut files,
        );
    }
}

/// Cluster trust bundles and pod certificates are not on by default, so that none gets here.
fn check_source<'a>(
    errors: &mut ErrorList,
    volume: &Path,
    path: &Path,
    source: &'a VolumeProjection,
    files: &mut Files<'a>,
) {
    let mut sources = 0;
    if let Some(secret) = &source.secret {
        sources += 1;
        check_object(
            errors,
            volume,
            &path.child("secret"),
            &secret.name,
            items(&secret.items),
            files,
        );
    }
    if let Some(config_map) = &source.config_map {
        sources += 1;
        check_object(
            errors,
            volume,
            &path.child("configMap"),
            &config_map.name,
            items(&config_map.items),
            files,
        );
    }
    if let Some(downward) = &source.downward_api {
        sources += 1;
        for file in items(&downward.items) {
            objects::check_downward_file(errors, &path.child("downwardAPI"), file);
            files.add(errors, volume, &file.path, &file.path);
        }
    }
    if let Some(token) = &source.service_account_token {
        sources += 1;
        check_token(errors, volume, &path.child("serviceAccountToken"), token);
    }
    if sources > 1 {
        errors.push(Error::forbidden(
            path,
            "may not specify more than 1 volume type per source",
        ));
    }
}

fn check_object<'a>(
    errors: &mut ErrorList,
    volume: &Path,
    path: &Path,
    name: &str,
    items: &'a [KeyToPath],
    files: &mut Files<'a>,
) {
    check::required(errors, &path.child("name"), name);
    for (index, item) in items.iter().enumerate() {
        objects::check_item(errors, &path.child("items").index(index), item);
        files.add(errors, volume, &item.path, name);
    }
}

/// The path of a token is said to be the volume's.
fn check_token(
    errors: &mut ErrorList,
    volume: &Path,
    path: &Path,
    token: &ServiceAccountTokenProjection,
) {
    let seconds = token.expiration_seconds.unwrap_or_default();
    let expiration = path.child("expirationSeconds");
    if seconds < MIN_TOKEN_SECONDS {
        errors.push(Error::invalid(
            &expiration,
            seconds,
            "may not specify a duration less than 10 minutes",
        ));
    }
    if seconds > MAX_TOKEN_SECONDS {
        errors.push(Error::invalid(
            &expiration,
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        ));
    }
    if token.path.is_empty() {
        errors.push(Error::required(&volume.child("path"), ""));
    } else {
        check::local_path(errors, &volume.child("path"), &token.path);
    }
}
