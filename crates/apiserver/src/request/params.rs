//! The query of a request to a resource, typed when it is asked for.

use std::borrow::Cow;
use std::num::{IntErrorKind, ParseIntError};
use std::time::Duration;

use navarch_api::call::{Options, PatchKind};
use navarch_api::metadata::validate_field_manager;
use navarch_api::strategy::Propagation;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::status::{Result, StatusError};

use super::{decode, duration};

/// The options of all verbs, as text. What a verb does not know it does not look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params<'a> {
    pub(crate) label_selector: Cow<'a, str>,
    pub(crate) field_selector: Cow<'a, str>,
    pub(crate) resource_version: Cow<'a, str>,
    pub(crate) resource_version_match: Cow<'a, str>,
    pub(crate) limit: Option<Cow<'a, str>>,
    pub(crate) continue_token: Cow<'a, str>,
    pub(crate) timeout_seconds: Option<Cow<'a, str>>,
    pub(crate) timeout: Cow<'a, str>,
    pub(crate) watch: Option<Cow<'a, str>>,
    pub(crate) allow_watch_bookmarks: Option<Cow<'a, str>>,
    pub(crate) send_initial_events: Option<Cow<'a, str>>,
    pub(crate) dry_run: Vec<Cow<'a, str>>,
    pub(crate) field_validation: Cow<'a, str>,
    pub(crate) field_manager: Cow<'a, str>,
    pub(crate) force: Option<Cow<'a, str>>,
    pub(crate) include_object: Cow<'a, str>,
    pub(crate) grace_period_seconds: Option<Cow<'a, str>>,
    pub(crate) propagation_policy: Option<Cow<'a, str>>,
    pub(crate) orphan_dependents: Option<Cow<'a, str>>,
    pub(crate) pretty: Cow<'a, str>,
    /// Given by callers in this process only.
    pub(crate) precondition_uid: Option<Cow<'a, str>>,
    /// Given by callers in this process only.
    pub(crate) precondition_version: Option<Cow<'a, str>>,
}

/// What goes beside the object of a write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteOptions {
    /// Nothing is kept.
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
    /// An apply takes what others own.
    pub(crate) force: bool,
}

/// What becomes of fields that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// The options that are looked at, each a bit of what has been seen.
const KNOWN: [&str; 20] = [
    "labelSelector",
    "fieldSelector",
    "resourceVersion",
    "resourceVersionMatch",
    "limit",
    "continue",
    "timeoutSeconds",
    "timeout",
    "watch",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "dryRun",
    "fieldValidation",
    "fieldManager",
    "force",
    "includeObject",
    "gracePeriodSeconds",
    "propagationPolicy",
    "orphanDependents",
    "pretty",
];

impl<'a> Params<'a> {
    /// Reads a query. What is not well encoded or not known is left out, as Kubernetes does.
    pub(crate) fn parse(query: &'a str) -> Self {
        let mut params = Self::default();
        let mut seen = 0_u32;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(key), Some(value)) = (decode(key, true), decode(value, true)) else {
                continue;
            };
            let known = KNOWN.iter().position(|known| *known == key);
            let Some(bit) = known.map(|at| 1 << at).filter(|_| !pair.contains(';')) else {
                continue;
            };
            if seen & bit == 0 || key == "dryRun" {
                params.set(&key, value);
            }
            seen |= bit;
        }
        params
    }

    /// Takes an option. Of several of the same name the first counts, but for those that may be several.
    fn set(&mut self, key: &str, value: Cow<'a, str>) {
        match key {
            "labelSelector" => self.label_selector = value,
            "fieldSelector" => self.field_selector = value,
            "resourceVersion" => self.resource_version = value,
            "resourceVersionMatch" => self.resource_version_match = value,
            "limit" => self.limit = Some(value),
            "continue" => self.continue_token = value,
            "timeoutSeconds" => self.timeout_seconds = Some(value),
            "timeout" => self.timeout = value,
            "watch" => self.watch = Some(value),
            "allowWatchBookmarks" => self.allow_watch_bookmarks = Some(value),
            "sendInitialEvents" => self.send_initial_events = Some(value),
            "dryRun" => self.dry_run.push(value),
            "fieldValidation" => self.field_validation = value,
            "fieldManager" => self.field_manager = value,
            "force" => self.force = Some(value),
            "includeObject" => self.include_object = value,
            "gracePeriodSeconds" => self.grace_period_seconds = Some(value),
            "propagationPolicy" => self.propagation_policy = Some(value),
            "orphanDependents" => self.orphan_dependents = Some(value),
            "pretty" => self.pretty = value,
            _ => {}
        }
    }

    /// The options of a call in this process.
    pub(crate) fn of(options: &'a Options) -> Self {
        Self {
            label_selector: Cow::Borrowed(&options.label_selector),
            field_selector: Cow::Borrowed(&options.field_selector),
            resource_version: Cow::Borrowed(&options.resource_version),
            limit: (options.limit > 0).then(|| Cow::Owned(options.limit.to_string())),
            continue_token: Cow::Borrowed(&options.continue_token),
            allow_watch_bookmarks: options.bookmarks.then_some(Cow::Borrowed("true")),
            dry_run: if options.dry_run {
                vec![Cow::Borrowed("All")]
            } else {
                Vec::new()
            },
            field_manager: Cow::Borrowed(&options.field_manager),
            force: options.force.then_some(Cow::Borrowed("true")),
            grace_period_seconds: options
                .grace_period
                .map(|seconds| Cow::Owned(seconds.to_string())),
            propagation_policy: options
                .propagation
                .map(|policy| Cow::Borrowed(propagation_name(policy))),
            precondition_uid: options.uid.as_deref().map(Cow::Borrowed),
            precondition_version: options.precondition_version.as_deref().map(Cow::Borrowed),
            ..Self::default()
        }
    }

    /// Whether the query asks for a watch.
    pub(crate) fn wants_watch(&self) -> bool {
        flag(self.watch.as_deref())
    }

    /// At most so many items; 0: all.
    pub(crate) fn limit(&self) -> Result<usize> {
        let limit = integer(self.limit.as_deref())?.unwrap_or(0);
        Ok(usize::try_from(limit).unwrap_or(0))
    }

    /// The end of a watch, if the client named one.
    pub(crate) fn timeout_seconds(&self) -> Result<Option<u64>> {
        Ok(integer(self.timeout_seconds.as_deref())?
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| *seconds > 0))
    }

    /// How long the client waits for an answer, if it says so.
    pub(crate) fn timeout(&self) -> Result<Option<Duration>> {
        if self.timeout.is_empty() {
            return Ok(None);
        }
        let given = duration::parse(&self.timeout).map_err(|error| {
            StatusError::bad_request(format!(
                "invalid timeout specified in the request URL - {error}"
            ))
        })?;
        Ok(Some(given).filter(|given| !given.is_zero()))
    }

    /// The options of a create or an update. `kind`: of the options, for the words of a refusal.
    pub(crate) fn write_options(&self, kind: &str) -> Result<WriteOptions> {
        self.options(kind, ErrorList::new())
    }

    /// The options of a patch, of which an apply needs a manager and everything else cannot be forced.
    pub(crate) fn patch_options(&self, patch: Option<PatchKind>) -> Result<WriteOptions> {
        let mut errors = ErrorList::new();
        if patch == Some(PatchKind::Apply) {
            if self.field_manager.is_empty() {
                let path = Path::new("fieldManager");
                errors.push(Error::required(&path, "is required for apply patch"));
            }
        } else if self.force.is_some() {
            let path = Path::new("force");
            errors.push(Error::forbidden(
                &path,
                "may not be specified for non-apply patch",
            ));
        }
        self.options("PatchOptions", errors)
    }

    fn options(&self, kind: &str, mut errors: ErrorList) -> Result<WriteOptions> {
        let path = Path::new("fieldManager");
        errors.extend(validate_field_manager(&self.field_manager, &path));
        let (dry_run, validation) = (self.dry_run(), self.validation());
        for found in [dry_run.as_ref().err(), validation.as_ref().err()] {
            errors.extend(found.cloned());
        }
        match (dry_run, validation) {
            (Ok(dry_run), Ok(validation)) if errors.is_empty() => Ok(WriteOptions {
                dry_run,
                validation,
                force: flag(self.force.as_deref()),
            }),
            _ => Err(StatusError::invalid("meta.k8s.io", kind, "", &errors)),
        }
    }

    /// Whether nothing is to be kept. `kind`: of the options, for the words of a refusal.
    pub(crate) fn is_dry_run(&self, kind: &str) -> Result<bool> {
        self.dry_run()
            .map_err(|error| StatusError::invalid("meta.k8s.io", kind, "", &vec![error]))
    }

    fn dry_run(&self) -> std::result::Result<bool, Error> {
        let given: Vec<&str> = self.dry_run.iter().map(AsRef::as_ref).collect();
        if given.iter().all(|value| *value == "All") {
            return Ok(!given.is_empty());
        }
        let path = Path::new("dryRun");
        Err(Error::not_supported(
            &path,
            serde_json::json!(given),
            &["All"],
        ))
    }

    /// What becomes of fields that the kind does not have; Kubernetes warns where the client does not say.
    fn validation(&self) -> std::result::Result<FieldValidation, Error> {
        match &*self.field_validation {
            "Ignore" => Ok(FieldValidation::Ignore),
            "" | "Warn" => Ok(FieldValidation::Warn),
            "Strict" => Ok(FieldValidation::Strict),
            other => {
                let known = ["", "Ignore", "Strict", "Warn"];
                Err(Error::not_supported(
                    &Path::new("fieldValidation"),
                    other,
                    &known,
                ))
            }
        }
    }
}

/// As Go's `strconv.ParseBool` takes it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether a boolean option is set: Kubernetes takes everything for true that is there and neither `false` nor `0`.
pub(crate) fn flag(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.eq_ignore_ascii_case("false") && text != "0")
}

/// A number as Go reads it.
pub(crate) fn integer(text: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let wrong = |error: ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        StatusError::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
    };
    text.parse().map(Some).map_err(wrong)
}

fn propagation_name(policy: Propagation) -> &'static str {
    match policy {
        Propagation::Background => "Background",
        Propagation::Foreground => "Foreground",
        Propagation::Orphan => "Orphan",
    }
}
