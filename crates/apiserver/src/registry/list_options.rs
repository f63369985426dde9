//! Options of lists and watches that contradict each other, as Kubernetes' `ValidateListOptions` refuses them.

use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::status::{Result, StatusError};

use crate::request::Params;

/// Refuses what contradicts itself.
pub(super) fn validate(params: &Params<'_>, watch: bool) -> Result<()> {
    let errors = match watch {
        true => of_watch(params),
        false => of_list(params),
    };
    if errors.is_empty() {
        return Ok(());
    }
    Err(StatusError::invalid(
        "meta.k8s.io",
        "ListOptions",
        "",
        &errors,
    ))
}

fn rule() -> Path {
    Path::new("resourceVersionMatch")
}

fn of_list(params: &Params<'_>) -> ErrorList {
    let (version, given) = (&*params.resource_version, &*params.resource_version_match);
    let mut errors = ErrorList::new();
    if !given.is_empty() {
        if version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(Error::forbidden(&rule(), why));
        }
        errors.extend(continued(params));
        if !matches!(given, "Exact" | "NotOlderThan") {
            let known = ["Exact", "NotOlderThan", ""];
            errors.push(Error::not_supported(&rule(), given, &known));
        }
        if given == "Exact" && version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(Error::forbidden(&rule(), why));
        }
    }
    if params.send_initial_events.is_some() {
        let path = Path::new("sendInitialEvents");
        errors.push(Error::forbidden(
            &path,
            "sendInitialEvents is forbidden for list",
        ));
    }
    errors
}

fn of_watch(params: &Params<'_>) -> ErrorList {
    let given = &*params.resource_version_match;
    let initial = params.send_initial_events.is_some();
    let mut errors = ErrorList::new();
    // Who says nothing of where to begin has what is there told, too.
    let implied = !initial && given.is_empty() && matches!(&*params.resource_version, "" | "0");
    if implied {
        errors.extend(continued(params));
        return errors;
    }
    if initial && given != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(Error::forbidden(&rule(), why));
    }
    if given.is_empty() {
        return errors;
    }
    if !initial {
        let why =
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(Error::forbidden(&rule(), why));
    }
    if given != "NotOlderThan" {
        errors.push(Error::not_supported(&rule(), given, &["NotOlderThan"]));
    }
    errors.extend(continued(params));
    errors
}

fn continued(params: &Params<'_>) -> Option<Error> {
    let why = "resourceVersionMatch is forbidden when continue is provided";
    (!params.continue_token.is_empty()).then(|| Error::forbidden(&rule(), why))
}
