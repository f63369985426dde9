//! What the status of a job may say, and how it may go on. Whoever manages a job, its clients rely on this.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::policies::without_value;
use super::{INDEXED, has_condition, indexes};
use crate::shown::json;
use crate::workload::validate_counts;

/// A job as the checks see it.
struct View<'a> {
    job: &'a Job,
    spec: JobSpec,
    status: JobStatus,
}

impl<'a> View<'a> {
    fn of(job: &'a Job) -> Self {
        Self {
            job,
            spec: job.spec.clone().unwrap_or_default(),
            status: job.status.clone().unwrap_or_default(),
        }
    }

    fn is(&self, condition: &str) -> bool {
        has_condition(self.job, condition, "True")
    }

    fn is_complete(&self) -> bool {
        self.is("Complete")
    }

    fn is_failed(&self) -> bool {
        self.is("Failed")
    }

    fn is_finished(&self) -> bool {
        self.is_complete() || self.is_failed()
    }

    fn is_successful(&self) -> bool {
        self.is("SuccessCriteriaMet")
    }

    fn is_failing(&self) -> bool {
        self.is("FailureTarget")
    }

    fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some(INDEXED)
    }

    fn completed_indexes(&self) -> &str {
        self.status.completed_indexes.as_deref().unwrap_or_default()
    }

    fn active(&self) -> i32 {
        self.status.active.unwrap_or_default()
    }
}

/// Checks a new status against the one before. Most rules hold only for what has changed: what was wrong before may stay so.
pub(super) fn change(job: &Job, old: &Job) -> ErrorList {
    let (new, old) = (View::of(job), View::of(old));
    let path = Path::new("status");
    let mut errors = numbers(&new, &path);
    errors.extend(uncounted(&new, &path.child("uncountedTerminatedPods")));
    completion(&mut errors, &new, &old, &path);
    finish(&mut errors, &new, &old, &path);
    lists(&mut errors, &new, &old, &path);
    counts(&mut errors, &new, &old, &path);
    success(&mut errors, &new, &path.child("conditions"));
    progress(&mut errors, &new, &old, &path);
    errors
}

fn numbers(new: &View<'_>, path: &Path) -> ErrorList {
    let number = |count: Option<i32>| i64::from(count.unwrap_or_default());
    let counts = [
        ("active", number(new.status.active)),
        ("succeeded", number(new.status.succeeded)),
        ("failed", number(new.status.failed)),
        ("ready", number(new.status.ready)),
        ("terminating", number(new.status.terminating)),
    ];
    validate_counts(&counts, path)
}

fn uncounted(new: &View<'_>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(pods) = &new.status.uncounted_terminated_pods else {
        return errors;
    };
    let mut seen = BTreeSet::new();
    for (name, list) in [("succeeded", &pods.succeeded), ("failed", &pods.failed)] {
        for (at, uid) in list.iter().flatten().enumerate() {
            let path = path.child(name).index(at);
            if uid.is_empty() {
                errors.push(Error::invalid(&path, uid, "must not be empty"));
            } else if !seen.insert(uid) {
                errors.push(Error::duplicate(&path, uid));
            }
        }
    }
    errors
}

/// Complete, and when.
fn completion(errors: &mut ErrorList, new: &View<'_>, old: &View<'_>, path: &Path) {
    let conditions = path.child("conditions");
    let complete_changed = new.is_complete() != old.is_complete();
    let failed_changed = new.is_failed() != old.is_failed();
    let time_changed = new.status.completion_time != old.status.completion_time;
    let mut refuse = |holds: bool, detail: &str| {
        if holds {
            errors.push(without_value(&conditions, detail));
        }
    };
    refuse(
        (complete_changed || failed_changed) && new.is_complete() && new.is_failed(),
        "cannot set Complete=True and Failed=true conditions",
    );
    refuse(
        (complete_changed || new.is_failing() != old.is_failing())
            && new.is_complete()
            && new.is_failing(),
        "cannot set Complete=True and FailureTarget=true conditions",
    );
    let at = path.child("completionTime");
    let shown = json(&new.status.completion_time);
    let has_time = new.status.completion_time.is_some();
    if complete_changed || time_changed {
        if has_time && !new.is_complete() {
            let detail = "cannot set completionTime when there is no Complete=True condition";
            errors.push(Error::invalid(
                &at,
                json(&new.status.completion_time),
                detail,
            ));
        }
        if !has_time && new.is_complete() {
            let detail = "completionTime is required for Complete jobs";
            errors.push(Error::required(&at, detail));
        }
    }
    let start_changed = new.status.start_time != old.status.start_time;
    let (start, end) = (&new.status.start_time, &new.status.completion_time);
    let backwards = matches!((start, end), (Some(start), Some(end)) if end.0 < start.0);
    if (start_changed || time_changed) && backwards {
        errors.push(Error::invalid(
            &at,
            shown,
            "must be equal to or after `startTime`",
        ));
    }
}

/// What a job must have said before it ends, and what must be over by then.
fn finish(errors: &mut ErrorList, new: &View<'_>, old: &View<'_>, path: &Path) {
    let conditions = path.child("conditions");
    let failed_lists = new.status.failed_indexes != old.status.failed_indexes;
    if (new.is_failed() != old.is_failed() || failed_lists) && new.is_failed() && !new.is_failing()
    {
        let detail = "cannot set Failed=True condition without the FailureTarget=true condition";
        errors.push(without_value(&conditions, detail));
    }
    let changed =
        new.is_complete() != old.is_complete() || new.is_successful() != old.is_successful();
    if changed && new.is_complete() && !new.is_successful() {
        let detail =
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition";
        errors.push(without_value(&conditions, detail));
    }
    let finished = new.is_finished();
    let finished_changed = finished != old.is_finished();
    if (finished_changed || new.active() != old.active()) && finished && new.active() > 0 {
        let detail = "active>0 is invalid for finished job";
        errors.push(Error::invalid(&path.child("active"), new.active(), detail));
    }
    let start_changed = new.status.start_time != old.status.start_time;
    let never_ran = new.spec.suspend == Some(true) && new.spec.completions == Some(0);
    let is_checked = (finished_changed || start_changed) && !never_ran;
    if is_checked && finished && new.status.start_time.is_none() {
        let detail = "startTime is required for finished job";
        errors.push(Error::required(&path.child("startTime"), detail));
    }
    let uncounted = &new.status.uncounted_terminated_pods;
    let uncounted_changed = *uncounted != old.status.uncounted_terminated_pods;
    let any = uncounted.as_ref().is_some_and(|pods| {
        let lists = [&pods.failed, &pods.succeeded];
        lists.into_iter().flatten().any(|list| !list.is_empty())
    });
    if (finished_changed || uncounted_changed) && finished && any {
        let path = path.child("uncountedTerminatedPods");
        let detail = "must be empty for finished job";
        errors.push(Error::invalid(&path, json(uncounted), detail));
    }
}

/// The indexes that are done, and those that have failed.
fn lists(errors: &mut ErrorList, new: &View<'_>, old: &View<'_>, path: &Path) {
    let (done, failed) = (
        new.completed_indexes(),
        new.status.failed_indexes.as_deref(),
    );
    let done_changed = done != old.completed_indexes();
    let failed_changed = failed != old.status.failed_indexes.as_deref();
    let (done_at, failed_at) = (path.child("completedIndexes"), path.child("failedIndexes"));
    let per_index = new.spec.backoff_limit_per_index.is_some();
    if let Some(completions) = new.spec.completions {
        if let Err(error) = indexes::count(done, completions)
            && done_changed
        {
            let detail = format!("error parsing completedIndexes: {error}");
            errors.push(Error::invalid(&done_at, done, detail));
        }
        if let Some(failed) = failed.filter(|_| failed_changed && per_index)
            && let Err(error) = indexes::count(failed, completions)
        {
            let detail = format!("error parsing failedIndexes: {error}");
            errors.push(Error::invalid(&failed_at, failed, detail));
        }
    }
    if done_changed && !done.is_empty() && !new.is_indexed() {
        let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
        errors.push(Error::invalid(&done_at, done, detail));
    }
    let Some(failed) = failed else {
        return;
    };
    if failed_changed && !per_index {
        let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        errors.push(Error::invalid(&failed_at, failed, detail));
    }
    let Some(completions) = new
        .spec
        .completions
        .filter(|_| done_changed || failed_changed)
    else {
        return;
    };
    if let Some(index) = indexes::overlap(done, failed, completions) {
        let detail = format!("failedIndexes and completedIndexes overlap at index: {index}");
        errors.push(Error::invalid(&failed_at, failed, detail));
    }
}

fn counts(errors: &mut ErrorList, new: &View<'_>, old: &View<'_>, path: &Path) {
    let finished_changed = new.is_finished() != old.is_finished();
    let terminating = new.status.terminating.unwrap_or_default();
    let changed = finished_changed || new.status.terminating != old.status.terminating;
    if changed && new.is_finished() && terminating > 0 {
        let detail = "terminating>0 is invalid for finished job";
        errors.push(Error::invalid(
            &path.child("terminating"),
            terminating,
            detail,
        ));
    }
    let ready = new.status.ready.unwrap_or_default();
    let changed = new.status.ready != old.status.ready || new.active() != old.active();
    if changed && ready > new.active() {
        let detail = "cannot set more ready pods than active";
        errors.push(Error::invalid(&path.child("ready"), ready, detail));
    }
}

fn success(errors: &mut ErrorList, new: &View<'_>, path: &Path) {
    let mut refuse = |holds: bool, detail: &str| {
        if holds {
            errors.push(without_value(path, detail));
        }
    };
    refuse(
        new.is_successful() && new.is_failed(),
        "cannot set SuccessCriteriaMet=True and Failed=true conditions",
    );
    refuse(
        new.is_successful() && new.is_failing(),
        "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
    );
    refuse(
        new.spec.success_policy.is_some() && !new.is_successful() && new.is_complete(),
        "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
    );
}

/// What does not go back.
fn progress(errors: &mut ErrorList, new: &View<'_>, old: &View<'_>, path: &Path) {
    let conditions = path.child("conditions");
    for condition in ["Failed", "Complete", "FailureTarget"] {
        if old.is(condition) && !new.is(condition) {
            let detail = format!("cannot disable the terminal {condition}=True condition");
            errors.push(without_value(&conditions, detail));
        }
    }
    let resizable = new.is_indexed() && new.spec.completions == new.spec.parallelism;
    let (now, before) = (&new.status, &old.status);
    for (name, is_checked, now, before) in [
        ("failed", true, now.failed, before.failed),
        ("succeeded", !resizable, now.succeeded, before.succeeded),
    ] {
        let (now, before) = (now.unwrap_or_default(), before.unwrap_or_default());
        if is_checked && now < before {
            let detail = format!("cannot decrease the {name} counter");
            errors.push(Error::invalid(&path.child(name), now, detail));
        }
    }
    let (end, ended) = (&now.completion_time, &before.completion_time);
    if end.is_some() && ended.is_some() && end != ended {
        let path = path.child("completionTime");
        errors.push(Error::invalid(&path, json(end), "field is immutable"));
    }
    let resuming = old.is("Suspended") && has_condition(new.job, "Suspended", "False");
    let restarted = before.start_time.is_some() && before.start_time != now.start_time;
    if restarted && !resuming && new.spec.suspend != Some(true) {
        let path = path.child("startTime");
        let detail = "field is immutable for unsuspended job once set";
        errors.push(Error::invalid(&path, json(&now.start_time), detail));
    }
    if old.is_successful() && !new.is_successful() {
        let detail = "cannot disable the SuccessCriteriaMet=True condition";
        errors.push(without_value(&conditions, detail));
    }
    if old.is_complete() && !old.is_successful() && new.is_successful() {
        let detail =
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
        errors.push(without_value(&conditions, detail));
    }
}
