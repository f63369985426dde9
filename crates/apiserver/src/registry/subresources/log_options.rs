//! The query of a log, which is judged before anything else is looked at: Kubernetes' `ValidatePodLogOptions`.

use navarch_machinery::decode::check_time;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::status::{Result, StatusError};

use crate::request::{decode, integer};

const NEGATIVE: &str = "must be greater than or equal to 0";
const NOTHING: &str = "must be greater than 0";

/// Refuses a query that no log can be told by.
pub(super) fn check(pod: &str, query: &str) -> Result<()> {
    let value = |wanted: &str| {
        let mut pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
        decode(value, true)
    };
    let number = |name: &str| integer(value(name).as_deref());
    let (since, tail, limit) = (
        number("sinceSeconds")?,
        number("tailLines")?,
        number("limitBytes")?,
    );
    let since_time = value("sinceTime").filter(|time| !time.is_empty());
    if let Some(time) = &since_time {
        check_time(time).map_err(StatusError::bad_request)?;
    }
    let mut errors = ErrorList::new();
    let mut least = |name: &str, given: Option<i64>, least: i64, why: &str| {
        if let Some(given) = given.filter(|given| *given < least) {
            errors.push(Error::invalid(&Path::new(name), given, why));
        }
    };
    least("tailLines", tail, 0, NEGATIVE);
    least("limitBytes", limit, 1, NOTHING);
    if since_time.is_none() {
        least("sinceSeconds", since, 1, NOTHING);
    } else if since.is_some() {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(Error::forbidden(&Path::new("[]"), why));
    }
    if value("stream").is_some() {
        errors.push(Error::forbidden(
            &Path::new("stream"),
            "may not be specified",
        ));
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(StatusError::invalid("", "PodLogOptions", pod, &errors)),
    }
}
