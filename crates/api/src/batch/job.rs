//! Jobs.

mod change;
mod indexes;
mod policies;
mod selector;
mod spec;
mod status;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{selector_cell, validate_labels};
use crate::pod::{
    default_selected_template, drop_disabled_template_fields, same, template_warnings,
};
use crate::strategy::{Hooks, MetadataRules, Part, Propagation};
use crate::{naming, workload};

pub(super) use spec::validate_unselected;

const INDEXED: &str = "Indexed";

impl Hooks for Job {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of("Status", "string", "", 0, "Status of the job."),
        Column::of(
            "Completions",
            "string",
            "",
            0,
            "The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs.",
        ),
        Column::of(
            "Duration",
            "string",
            "",
            0,
            "Time required to complete the job.",
        ),
        cell::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        Column::of(
            "Selector",
            "string",
            "",
            1,
            "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
        ),
    ];
    const FIELDS: &'static [&'static str] = &["status.successful"];
    const PROPAGATION: Propagation = Propagation::Orphan;
    const DELETION_WARNING: Option<&'static str> = Some(
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set \
         propagationPolicy=Orphan to suppress this warning",
    );

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_template_spec(spec);
        if spec.completions.is_none() && spec.parallelism.is_none() {
            spec.completions = Some(1);
        }
        spec.parallelism.get_or_insert(1);
        let per_index = spec.backoff_limit_per_index.is_some();
        spec.backoff_limit
            .get_or_insert(if per_index { i32::MAX } else { 6 });
        spec.completion_mode
            .get_or_insert_with(|| "NonIndexed".to_owned());
        spec.suspend.get_or_insert(false);
        let replaced = match spec.pod_failure_policy {
            Some(_) => "Failed",
            None => "TerminatingOrFailed",
        };
        spec.pod_replacement_policy
            .get_or_insert_with(|| replaced.to_owned());
        spec.manual_selector.get_or_insert(false);
        default_labels(self);
        default_status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        // Labels that the job has from its template are the template's, also those that come now.
        let are_shared =
            self.metadata.labels.is_some() && self.metadata.labels.as_ref() == labels_of(self);
        selector::generate(self);
        if are_shared {
            self.metadata.labels = labels_of(self).cloned();
        }
        self.status = Some(JobStatus::default());
        self.metadata.generation = Some(1);
        if let Some(spec) = &mut self.spec {
            drop_disabled_template_fields(&mut spec.template, None);
        }
        // The labels that the template has by now are shown on the job too. What is wrong with them is told of the template.
        let labels =
            template(self).and_then(|template| template.metadata.as_ref()?.labels.as_ref());
        if validate_labels(labels, &Path::root()).is_empty() {
            default_labels(self);
        }
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if let Some(spec) = &mut self.spec {
            drop_disabled_template_fields(&mut spec.template, template(old));
        }
        if !same(&self.spec, &old.spec) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate_whole(self, true)
    }

    // Kubernetes checks the job, and then its spec again with what may not change.
    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return status::change(self, old);
        }
        let mut errors = validate_whole(self, selector::has_prefixed_labels(old));
        if let (Some(new), Some(before)) = (&self.spec, &old.spec) {
            errors.extend(spec::validate(new, &Path::new("spec")));
            errors.extend(change::spec(new, before, old));
        }
        errors
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let mut warnings = match old {
            None => workload::name_warnings(&self.metadata),
            Some(_) => Vec::new(),
        };
        let unchanged = old.is_some_and(|old| old.metadata.generation == self.metadata.generation);
        if let Some(spec) = self.spec.as_ref().filter(|_| !unchanged) {
            let before = old.and_then(|old| old.spec.as_ref());
            warnings.extend(spec_warnings(spec, before, &Path::new("spec")));
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let [names, images] = workload::container_cells(template(self));
        let selector = self.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        vec![
            cell::name(&self.metadata),
            status_word(self).into(),
            completions(self).into(),
            duration(self, now).into(),
            cell::age(&self.metadata, now),
            names,
            images,
            selector_cell(selector),
        ]
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == "status.successful").then(|| succeeded(self).to_string())
    }
}

fn template(job: &Job) -> Option<&PodTemplateSpec> {
    Some(&job.spec.as_ref()?.template)
}

fn conditions(job: &Job) -> &[JobCondition] {
    let status = job.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

/// Whether a condition has a status.
fn has_condition(job: &Job, kind: &str, status: &str) -> bool {
    conditions(job)
        .iter()
        .any(|it| it.type_ == kind && it.status == status)
}

/// What the spec of a job has filled in wherever it stands.
pub(super) fn default_template_spec(spec: &mut JobSpec) {
    default_selected_template(&mut spec.template);
    let rules = spec
        .pod_failure_policy
        .iter_mut()
        .flat_map(|it| &mut it.rules);
    for rule in rules {
        for pattern in rule.on_pod_conditions.iter_mut().flatten() {
            drop_empty(&mut pattern.status);
            pattern.status.get_or_insert_with(|| "True".to_owned());
        }
    }
}

fn labels_of(job: &Job) -> Option<&BTreeMap<String, String>> {
    template(job)?.metadata.as_ref()?.labels.as_ref()
}

/// A job without labels has its template's.
fn default_labels(job: &mut Job) {
    let labels = labels_of(job).cloned().filter(|labels| !labels.is_empty());
    if job.metadata.labels.as_ref().is_none_or(|it| it.is_empty()) && labels.is_some() {
        job.metadata.labels = labels;
    }
}

fn default_status(status: &mut JobStatus) {
    drop_empty(&mut status.active);
    drop_empty(&mut status.succeeded);
    drop_empty(&mut status.failed);
    drop_empty(&mut status.completed_indexes);
    drop_empty(&mut status.conditions);
}

fn validate_whole(job: &Job, prefixed_labels: bool) -> ErrorList {
    let mut errors = selector::validate(job, prefixed_labels);
    let Some(spec) = &job.spec else {
        return errors;
    };
    errors.extend(spec::validate(spec, &Path::new("spec")));
    let completions = spec.completions.unwrap_or_default();
    if spec.completion_mode.as_deref() == Some(INDEXED) && completions > 0 {
        // The index becomes part of the pod's host name.
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let longest = format!("{name}-{}", completions - 1);
        if !is_dns1123_label(&longest).is_empty() {
            let path = Path::new("metadata").child("name");
            let detail = format!("will not able to create pod with invalid DNS label: {longest}");
            errors.push(Error::invalid(&path, name, detail));
        }
    }
    errors
}

/// Warnings about a spec that is new or has changed.
pub(super) fn spec_warnings(spec: &JobSpec, old: Option<&JobSpec>, path: &Path) -> Vec<String> {
    const MANY_COMPLETIONS: i32 = 100_000;
    const MUCH_PARALLELISM: i32 = 10_000;
    let mut warnings = Vec::new();
    if spec.completion_mode.as_deref() == Some(INDEXED)
        && spec.completions.unwrap_or_default() > MANY_COMPLETIONS
        && spec.parallelism.unwrap_or_default() > MUCH_PARALLELISM
    {
        warnings.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
             Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    let before = old.map(|old| &old.template);
    warnings.extend(template_warnings(
        &spec.template,
        before,
        &path.child("template"),
    ));
    warnings
}

fn succeeded(job: &Job) -> i32 {
    let status = job.status.as_ref();
    status
        .and_then(|status| status.succeeded)
        .unwrap_or_default()
}

fn status_word(job: &Job) -> &'static str {
    let is = |kind| has_condition(job, kind, "True");
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if job.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Job) -> String {
    let succeeded = succeeded(job);
    let spec = job.spec.as_ref();
    let parallelism = spec.and_then(|spec| spec.parallelism).unwrap_or_default();
    match spec.and_then(|spec| spec.completions) {
        Some(completions) => format!("{succeeded}/{completions}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn duration(job: &Job, now: Timestamp) -> String {
    let status = job.status.as_ref();
    let Some(start) = status.and_then(|status| status.start_time.as_ref()) else {
        return String::new();
    };
    let end = status.and_then(|status| status.completion_time.as_ref());
    let end = end.map_or(now, |end| end.0);
    cell::duration(end.as_second() - start.0.as_second())
}
