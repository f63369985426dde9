use super::*;
use crate::field::{Error, Path};

#[test]
fn messages_are_kubernetes() {
    let message = |error: StatusError| error.message;
    assert_eq!(
        message(StatusError::not_found("apps", "deployments", "x")),
        "deployments.apps \"x\" not found"
    );
    assert_eq!(
        message(StatusError::already_exists("", "pods", "x")),
        "pods \"x\" already exists"
    );
    assert_eq!(
        message(StatusError::forbidden("", "pods", "", "why")),
        "pods is forbidden: why"
    );
    assert_eq!(
        message(StatusError::forbidden("", "pods", "x", "why")),
        "pods \"x\" is forbidden: why"
    );
    assert_eq!(
        message(StatusError::modified("", "pods", "x")),
        "Operation cannot be fulfilled on pods \"x\": the object has been modified; please apply your changes to the latest version and try again"
    );
    assert_eq!(
        message(StatusError::internal("why")),
        "Internal error occurred: why"
    );
}

#[test]
fn invalid_tells_each_finding_once_and_each_cause() {
    let path = Path::new("spec");
    let one = || Error::required(&path, "");
    let invalid = |errors: ErrorList| StatusError::invalid("apps", "Deployment", "x", &errors);
    assert_eq!(
        invalid(vec![one()]).message,
        "Deployment.apps \"x\" is invalid: spec: Required value"
    );
    let two = invalid(vec![one(), Error::forbidden(&path, "no"), one()]);
    assert_eq!(
        two.message,
        "Deployment.apps \"x\" is invalid: [spec: Required value, spec: Forbidden: no]"
    );
    let details = two.to_status().details.unwrap();
    assert_eq!(
        (
            details.group.as_deref(),
            details.kind.as_deref(),
            details.name.as_deref()
        ),
        (Some("apps"), Some("Deployment"), Some("x"))
    );
    let causes = details.causes.unwrap();
    assert_eq!(causes.len(), 3);
    assert_eq!(causes[1].message.as_deref(), Some("Forbidden: no"));
    assert_eq!(causes[1].reason.as_deref(), Some("FieldValueForbidden"));
    assert_eq!(invalid(vec![]).message, "Deployment.apps \"x\" is invalid");
}

#[test]
fn the_status_has_code_and_reason() {
    let status = StatusError::not_found("", "pods", "x").to_status();
    assert_eq!(
        (
            status.code,
            status.reason.as_deref(),
            status.status.as_deref()
        ),
        (Some(404), Some("NotFound"), Some("Failure"))
    );
    assert_eq!(StatusError::new(500, "", "x").to_status().reason, None);
    assert_eq!(
        StatusError::too_many_requests("x", 5)
            .to_status()
            .details
            .unwrap()
            .retry_after_seconds,
        Some(5)
    );
    assert_eq!(
        StatusError::too_large("limit is 3145728").message,
        "Request entity too large: limit is 3145728"
    );
    assert!(
        StatusError::expired("x").is_expired() && StatusError::modified("", "a", "b").is_conflict()
    );
}
