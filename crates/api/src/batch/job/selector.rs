//! The selector of a job, and the labels of its pods: both are made for it unless it says otherwise.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::labels::{Labels, Selector};

use crate::shown::json;
use crate::workload;

const UID: &str = "batch.kubernetes.io/controller-uid";
const NAME: &str = "batch.kubernetes.io/job-name";
/// As they were before labels of Kubernetes had its domain.
const LEGACY_UID: &str = "controller-uid";
const LEGACY_NAME: &str = "job-name";

/// Puts in what the job leaves to be made.
pub(super) fn generate(job: &mut Job) {
    let name = job.metadata.name.clone().unwrap_or_default();
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let spec = job.spec.get_or_insert_default();
    if spec.manual_selector == Some(true) {
        return;
    }
    let meta = spec.template.metadata.get_or_insert_default();
    let labels = meta.labels.get_or_insert_default();
    // Where these are others than were to be made, the checks say so.
    for (key, value) in [
        (LEGACY_NAME, &name),
        (NAME, &name),
        (LEGACY_UID, &uid),
        (UID, &uid),
    ] {
        labels
            .entry(key.to_owned())
            .or_insert_with(|| value.clone());
    }
    let selector = spec.selector.get_or_insert_default();
    let labels = selector.match_labels.get_or_insert_default();
    labels.entry(UID.to_owned()).or_insert(uid);
}

/// Whether a job's pods have the labels with the domain: old ones may not.
pub(super) fn has_prefixed_labels(job: &Job) -> bool {
    let meta = job
        .spec
        .as_ref()
        .and_then(|spec| spec.template.metadata.as_ref());
    let labels = meta.and_then(|meta| meta.labels.as_ref());
    labels.is_some_and(|labels| labels.contains_key(NAME) && labels.contains_key(UID))
}

/// Checks that what was to be made is as it was made.
pub(super) fn validate(job: &Job, prefixed: bool) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(spec) = &job.spec else {
        return errors;
    };
    let Some(selector) = spec
        .selector
        .as_ref()
        .filter(|_| spec.manual_selector != Some(true))
    else {
        return errors;
    };
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    if uid.is_empty() {
        errors.push(Error::required(&Path::new("metadata").child("uid"), ""));
    }
    let mut expected = vec![(LEGACY_UID, uid), (LEGACY_NAME, name)];
    if prefixed {
        expected.extend([(UID, uid), (NAME, name)]);
    }
    let none = ObjectMeta::default();
    let meta = spec.template.metadata.as_ref().unwrap_or(&none);
    for (key, value) in &expected {
        errors.extend(has_label(meta, key, value));
    }
    let labels: Labels = expected
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let selects = Selector::from_label_selector(Some(selector));
    if selects.is_ok_and(|selects| !selects.matches(&labels)) {
        errors.push(Error::invalid(
            &Path::new("spec").child("selector"),
            workload::shown_selector(selector),
            "`selector` not auto-generated",
        ));
    }
    errors
}

fn has_label(meta: &ObjectMeta, key: &str, expected: &str) -> Option<Error> {
    let path = Path::new("spec").child("template").child("metadata");
    let path = path.child("labels").key(key);
    let detail = format!("must be '{expected}'");
    match meta.labels.as_ref().and_then(|labels| labels.get(key)) {
        None => Some(Error::required(&path, detail)),
        Some(actual) if actual != expected => {
            Some(Error::invalid(&path, json(&meta.labels), detail))
        }
        Some(_) => None,
    }
}
