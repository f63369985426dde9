//! What of a job may change: little, once its pods may run.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Affinity, Container, PodSpec, PodTemplateSpec};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::{INDEXED, has_condition, policies};
use crate::check::immutable;
use crate::pod::same;
use crate::shown::{Raw, json};
use crate::workload;

pub(super) fn spec(new: &JobSpec, old: &JobSpec, job: &Job) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = completions(new, old, &path.child("completions"));
    if !same(&new.selector, &old.selector) {
        let shown = new.selector.as_ref().map(workload::shown_selector);
        errors.push(unchangeable(&path.child("selector"), or_null(shown)));
    }
    errors.extend(template(new, old, job, &path.child("template")));
    errors.extend(immutable(
        &new.completion_mode,
        &old.completion_mode,
        &path.child("completionMode"),
    ));
    if new.pod_failure_policy != old.pod_failure_policy {
        let shown = new.pod_failure_policy.as_ref();
        let shown = or_null(shown.map(policies::shown_failure));
        errors.push(unchangeable(&path.child("podFailurePolicy"), shown));
    }
    errors.extend(immutable(
        &new.backoff_limit_per_index,
        &old.backoff_limit_per_index,
        &path.child("backoffLimitPerIndex"),
    ));
    errors.extend(immutable(
        &new.managed_by,
        &old.managed_by,
        &path.child("managedBy"),
    ));
    if new.success_policy != old.success_policy {
        let shown = new.success_policy.as_ref();
        let shown = or_null(shown.map(policies::shown_success));
        errors.push(unchangeable(&path.child("successPolicy"), shown));
    }
    errors
}

fn or_null(shown: Option<Raw>) -> Raw {
    shown.unwrap_or_else(|| json(&()))
}

fn unchangeable(path: &Path, shown: Raw) -> Error {
    Error::invalid(path, shown, "field is immutable")
}

/// An indexed job may get larger and smaller, with as many pods at once as there are completions.
fn completions(new: &JobSpec, old: &JobSpec, path: &Path) -> ErrorList {
    if new.completion_mode.as_deref() != Some(INDEXED) {
        return immutable(&new.completions, &old.completions, path);
    }
    match new.completions {
        Some(number) if Some(number) != old.completions && Some(number) != new.parallelism => {
            let detail = "can only be modified in tandem with spec.parallelism";
            vec![Error::invalid(path, number, detail)]
        }
        _ => ErrorList::new(),
    }
}

/// While a job is suspended and has no pods, it may say anew where they run and what they ask for.
fn template(new: &JobSpec, old: &JobSpec, job: &Job, path: &Path) -> ErrorList {
    if !is_at_rest(old, job) {
        return immutable_template(&new.template, &old.template, path);
    }
    let mut before = old.template.clone();
    take_scheduling(&mut before, &new.template);
    let (none, mut was) = (PodSpec::default(), before.spec.unwrap_or_default());
    let now = new.template.spec.as_ref().unwrap_or(&none);
    take_resources(&mut was.containers, &now.containers);
    take_resources(
        was.init_containers.as_deref_mut().unwrap_or_default(),
        now.init_containers.as_deref().unwrap_or_default(),
    );
    if same(now, &was) {
        ErrorList::new()
    } else {
        vec![unchangeable(&path.child("spec"), json(now))]
    }
}

fn immutable_template(new: &PodTemplateSpec, old: &PodTemplateSpec, path: &Path) -> ErrorList {
    if same(new, old) {
        ErrorList::new()
    } else {
        vec![unchangeable(path, json(new))]
    }
}

fn is_at_rest(old: &JobSpec, job: &Job) -> bool {
    let status = job.status.clone().unwrap_or_default();
    let halted = status.start_time.is_none() || has_condition(job, "Suspended", "True");
    old.suspend == Some(true) && halted && status.active.unwrap_or_default() == 0
}

/// Takes over all that says where pods run, and what names them.
fn take_scheduling(template: &mut PodTemplateSpec, new: &PodTemplateSpec) {
    template.metadata.clone_from(&new.metadata);
    let none = PodSpec::default();
    let new = new.spec.as_ref().unwrap_or(&none);
    let pod = template.spec.get_or_insert_default();
    pod.node_selector.clone_from(&new.node_selector);
    pod.tolerations.clone_from(&new.tolerations);
    pod.scheduling_gates.clone_from(&new.scheduling_gates);
    let nodes = new
        .affinity
        .as_ref()
        .and_then(|it| it.node_affinity.clone());
    if new.affinity.is_some() || pod.affinity.is_some() {
        pod.affinity.get_or_insert_default().node_affinity = nodes;
    }
    if new.affinity.is_none() && pod.affinity == Some(Affinity::default()) {
        pod.affinity = None;
    }
}

fn take_resources(containers: &mut [Container], new: &[Container]) {
    if containers.len() != new.len() {
        return;
    }
    for (container, new) in containers.iter_mut().zip(new) {
        if container.name == new.name {
            container.resources.clone_from(&new.resources);
        }
    }
}
