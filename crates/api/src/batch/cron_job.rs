//! Cron jobs.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, CronJobStatus, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::job::{default_template_spec, spec_warnings, validate_unselected};
use super::schedule::Schedule;
use super::time_zone;
use crate::cell;
use crate::check::{non_negative, required_one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{drop_empty_fields, selector_cell};
use crate::pod::{drop_disabled_template_fields, same};
use crate::shown::json;
use crate::strategy::{Hooks, Part};
use crate::{naming, workload};

/// A job's name is its cron job's and eleven letters, and has at most 63.
const MAX_NAME: usize = 52;

impl Hooks for CronJob {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Schedule",
            "string",
            "",
            0,
            "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron.",
        ),
        Column::of(
            "Timezone",
            "string",
            "",
            0,
            "The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones",
        ),
        Column::of(
            "Suspend",
            "boolean",
            "",
            0,
            "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false.",
        ),
        Column::of(
            "Active",
            "integer",
            "",
            0,
            "A list of pointers to currently running jobs.",
        ),
        Column::of(
            "Last Schedule",
            "string",
            "",
            0,
            "Information when was the last time the job was successfully scheduled.",
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

    fn apply_defaults(&mut self) {
        let spec = &mut self.spec;
        drop_empty_fields(spec.job_template.metadata.get_or_insert_default());
        let job = spec.job_template.spec.get_or_insert_default();
        default_template_spec(job);
        drop_empty_fields(job.template.metadata.get_or_insert_default());
        drop_empty(&mut spec.concurrency_policy);
        spec.concurrency_policy
            .get_or_insert_with(|| "Allow".to_owned());
        spec.suspend.get_or_insert(false);
        spec.successful_jobs_history_limit.get_or_insert(3);
        spec.failed_jobs_history_limit.get_or_insert(1);
        drop_empty(&mut self.status.get_or_insert_default().active);
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(CronJobStatus::default());
        self.metadata.generation = Some(1);
        if let Some(template) = template_mut(self) {
            drop_disabled_template_fields(template, None);
        }
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if let Some(template) = template_mut(self) {
            drop_disabled_template_fields(template, template_of(old));
        }
        if !same(&self.spec, &old.spec) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate_spec(&self.spec, None)
    }

    fn validate_create(&self) -> ErrorList {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        if name.len() <= MAX_NAME {
            return ErrorList::new();
        }
        let path = Path::new("metadata").child("name");
        let detail = format!("must be no more than {MAX_NAME} characters");
        vec![Error::invalid(&path, name, detail)]
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return ErrorList::new();
        }
        validate_spec(&self.spec, Some(&old.spec))
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let mut warnings = match old {
            None => workload::name_warnings(&self.metadata),
            Some(_) => Vec::new(),
        };
        let unchanged = old.is_some_and(|old| old.metadata.generation == self.metadata.generation);
        if let Some(job) = job_of(self).filter(|_| !unchanged) {
            let path = Path::new("spec").child("jobTemplate").child("spec");
            warnings.extend(spec_warnings(job, old.and_then(job_of), &path));
        }
        if old.is_some() && self.spec.schedule.contains("TZ") {
            warnings.push(
                "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                    .to_owned(),
            );
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone();
        let status = self.status.clone().unwrap_or_default();
        let suspended = match spec.suspend {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        };
        let last = status.last_schedule_time.as_ref();
        let last = last.map_or("<none>".to_owned(), |time| cell::since(Some(time), now));
        let [names, images] = workload::container_cells(template_of(self));
        vec![
            cell::name(&self.metadata),
            spec.schedule.into(),
            spec.time_zone.unwrap_or_else(|| "<none>".to_owned()).into(),
            suspended.into(),
            status.active.map_or(0, |active| active.len()).into(),
            last.into(),
            cell::age(&self.metadata, now),
            names,
            images,
            selector_cell(job_of(self).and_then(|job| job.selector.as_ref())),
        ]
    }
}

fn job_of(cron_job: &CronJob) -> Option<&JobSpec> {
    cron_job.spec.job_template.spec.as_ref()
}

fn template_of(cron_job: &CronJob) -> Option<&PodTemplateSpec> {
    Some(&job_of(cron_job)?.template)
}

fn template_mut(cron_job: &mut CronJob) -> Option<&mut PodTemplateSpec> {
    let job = cron_job.spec.job_template.spec.as_mut()?;
    Some(&mut job.template)
}

fn validate_spec(spec: &CronJobSpec, old: Option<&CronJobSpec>) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = validate_schedule(spec, old, &path.child("schedule"));
    if let Some(seconds) = spec.starting_deadline_seconds {
        errors.extend(non_negative(
            seconds,
            &path.child("startingDeadlineSeconds"),
        ));
    }
    let zone = spec.time_zone.as_deref();
    let unchanged = old.is_some_and(|old| old.time_zone.as_deref() == zone);
    if let Some(zone) = zone.filter(|_| !unchanged) {
        errors.extend(time_zone::validate(zone, &path.child("timeZone")));
    }
    errors.extend(required_one_of(
        spec.concurrency_policy.as_deref(),
        &["Allow", "Forbid", "Replace"],
        &path.child("concurrencyPolicy"),
    ));
    let none = JobSpec::default();
    let job = spec.job_template.spec.as_ref().unwrap_or(&none);
    errors.extend(validate_job(job, &path.child("jobTemplate").child("spec")));
    for (name, limit) in [
        (
            "successfulJobsHistoryLimit",
            spec.successful_jobs_history_limit,
        ),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    ] {
        errors.extend(non_negative(
            limit.unwrap_or_default().into(),
            &path.child(name),
        ));
    }
    errors
}

/// A time zone in a schedule is left from another time.
fn validate_schedule(spec: &CronJobSpec, old: Option<&CronJobSpec>, path: &Path) -> ErrorList {
    let text = spec.schedule.as_str();
    if text.is_empty() {
        return vec![Error::required(path, "")];
    }
    let mut errors = ErrorList::new();
    if let Err(error) = Schedule::parse(text) {
        errors.push(Error::invalid(path, text, error));
    }
    let has_zone = text.contains("TZ");
    let had_zone = old.is_some_and(|old| old.schedule.contains("TZ"));
    if has_zone && !had_zone {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(Error::invalid(path, text, detail));
    } else if has_zone && spec.time_zone.is_some() {
        let detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        errors.push(Error::invalid(path, text, detail));
    }
    errors
}

/// The template of the jobs, which select their pods themselves.
fn validate_job(job: &JobSpec, path: &Path) -> ErrorList {
    let mut errors = validate_unselected(job, path);
    if let Some(selector) = &job.selector {
        errors.push(Error::invalid(
            &path.child("selector"),
            workload::shown_selector(selector),
            "`selector` will be auto-generated",
        ));
    }
    if job.manual_selector == Some(true) {
        errors.push(Error::not_supported(
            &path.child("manualSelector"),
            json(&true),
            &["nil", "false"],
        ));
    }
    errors
}
