//! The one place where a Kubernetes `Status` is made for what went wrong.

#[cfg(test)]
mod tests;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    ListMeta, Status, StatusCause, StatusDetails,
};

use crate::apply::{Conflict, Conflicts};
use crate::field::{ErrorList, quote, together};

/// A refusal or failure as the API tells it: the HTTP code, a reason that programs read, and a message that people read.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusError {
    /// The HTTP status code.
    pub code: u16,
    /// As `NotFound`; empty for none.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// What it is about.
    pub details: Option<Box<StatusDetails>>,
}

/// The result of an API operation.
pub type Result<T, E = StatusError> = std::result::Result<T, E>;

/// `deployments.apps`, or `pods` in the core group.
pub fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}.{group}")
    }
}

fn about(group: &str, kind: &str, name: &str) -> Option<Box<StatusDetails>> {
    let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    Some(Box::new(StatusDetails {
        group: text(group),
        kind: text(kind),
        name: text(name),
        ..Default::default()
    }))
}

impl StatusError {
    /// A refusal with nothing to say of what it is about.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    /// The same without the advice to try again.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        if let Some(details) = &mut self.details {
            details.retry_after_seconds = None;
        }
        self
    }

    /// 404: no such object.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {} not found", qualified(resource, group), quote(name));
        Self {
            code: 404,
            reason: "NotFound",
            message,
            details: about(group, resource, name),
        }
    }

    /// 404: no such path.
    pub fn no_such_path() -> Self {
        let details = Some(Box::new(StatusDetails::default()));
        Self {
            code: 404,
            reason: "NotFound",
            message: "the server could not find the requested resource".into(),
            details,
        }
    }

    /// 409: the name is taken.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!(
            "{} {} already exists",
            qualified(resource, group),
            quote(name)
        );
        Self {
            code: 409,
            reason: "AlreadyExists",
            message,
            details: about(group, resource, name),
        }
    }

    /// 409: somebody else was faster, or a precondition does not hold.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {}: {why}",
            qualified(resource, group),
            quote(name)
        );
        Self {
            code: 409,
            reason: "Conflict",
            message,
            details: about(group, resource, name),
        }
    }

    /// 409, in the words of a lost optimistic update.
    pub fn modified(group: &str, resource: &str, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(group, resource, name, why)
    }

    /// 409: others own what is applied.
    pub fn apply_conflict(conflicts: &Conflicts) -> Self {
        let cause = |conflict: &Conflict| StatusCause {
            field: Some(conflict.field.clone()),
            message: Some(format!("conflict with {}", conflict.manager)),
            reason: Some("FieldManagerConflict".into()),
        };
        let details = StatusDetails {
            causes: Some(conflicts.0.iter().map(cause).collect()),
            ..Default::default()
        };
        Self {
            details: Some(Box::new(details)),
            ..Self::new(409, "Conflict", conflicts.to_string())
        }
    }

    /// 422: validation found something.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &ErrorList) -> Self {
        let found = match together(errors) {
            found if found.is_empty() => found,
            found => format!(": {found}"),
        };
        let message = format!(
            "{} {} is invalid{found}",
            qualified(kind, group),
            quote(name)
        );
        let mut details = about(group, kind, name);
        if let Some(details) = &mut details {
            details.causes = Some(errors.iter().map(cause).collect());
        }
        Self {
            code: 422,
            reason: "Invalid",
            message,
            details,
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403: `why` follows `resource "name" is forbidden: `.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let subject = qualified(resource, group);
        let message = if name.is_empty() {
            format!("{subject} is forbidden: {why}")
        } else {
            format!("{subject} {} is forbidden: {why}", quote(name))
        };
        Self {
            code: 403,
            reason: "Forbidden",
            message,
            details: about(group, resource, name),
        }
    }

    /// 405: the resource has no such verb.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self {
            code: 405,
            reason: "MethodNotAllowed",
            message: message.into(),
            details: Some(Box::default()),
        }
    }

    /// 405: the resource has the method, but not for this.
    pub fn not_supported(action: &str, group: &str, plural: &str) -> Self {
        let message = format!(
            "{action} is not supported on resources of kind {:?}",
            qualified(plural, group)
        );
        Self {
            message,
            details: Some(Box::new(StatusDetails {
                group: Some(group.to_owned()).filter(|group| !group.is_empty()),
                kind: Some(plural.to_owned()),
                ..StatusDetails::default()
            })),
            ..Self::method_not_allowed()
        }
    }

    /// 410: the resource version is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 413. `why` follows the words that clients know it by.
    pub fn too_large(why: impl fmt::Display) -> Self {
        let message = format!("Request entity too large: {why}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 406.
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(406, "NotAcceptable", message)
    }

    /// 504: what was asked for did not come in time; try again after so many seconds.
    pub fn timeout(message: impl Into<String>, retry_after: i32) -> Self {
        let details = StatusDetails {
            retry_after_seconds: Some(retry_after),
            ..Default::default()
        };
        Self {
            details: Some(Box::new(details)),
            ..Self::new(504, "Timeout", message)
        }
    }

    /// 429: come back after so many seconds.
    pub fn too_many_requests(message: impl Into<String>, retry_after: i32) -> Self {
        let details = StatusDetails {
            retry_after_seconds: Some(retry_after),
            ..Default::default()
        };
        Self {
            details: Some(Box::new(details)),
            ..Self::new(429, "TooManyRequests", message)
        }
    }

    /// 500.
    pub fn internal(error: impl fmt::Display) -> Self {
        let message = format!("Internal error occurred: {error}");
        let cause = StatusCause {
            message: Some(error.to_string()),
            ..Default::default()
        };
        let details = StatusDetails {
            causes: Some(vec![cause]),
            ..Default::default()
        };
        Self {
            details: Some(Box::new(details)),
            ..Self::new(500, "InternalError", message)
        }
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// The reason of another server's Status, if it is one that Kubernetes has; empty otherwise.
    pub fn known_reason(reason: &str) -> &'static str {
        const REASONS: &[&str] = &[
            "Unauthorized",
            "Forbidden",
            "NotFound",
            "AlreadyExists",
            "Conflict",
            "Gone",
            "Invalid",
            "ServerTimeout",
            "StoreReadError",
            "Timeout",
            "TooManyRequests",
            "BadRequest",
            "MethodNotAllowed",
            "NotAcceptable",
            "RequestEntityTooLarge",
            "UnsupportedMediaType",
            "InternalError",
            "Expired",
            "ServiceUnavailable",
        ];
        REASONS
            .iter()
            .find(|known| **known == reason)
            .copied()
            .unwrap_or("")
    }

    /// Whether it says that the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code == 404 && self.reason == "NotFound"
    }

    /// Whether an optimistic update or a precondition failed.
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict"
    }

    /// Whether the name is taken.
    pub fn is_already_exists(&self) -> bool {
        self.reason == "AlreadyExists"
    }

    /// Whether the resource version is too old and a list is needed.
    pub fn is_expired(&self) -> bool {
        self.code == 410
    }

    /// The answer's body.
    pub fn to_status(&self) -> Status {
        Status {
            metadata: ListMeta::default(),
            status: Some("Failure".into()),
            message: Some(self.message.clone()),
            reason: (!self.reason.is_empty()).then(|| self.reason.to_owned()),
            details: self.details.as_deref().cloned(),
            code: Some(i32::from(self.code)),
        }
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StatusError {}

fn cause(error: &crate::field::Error) -> StatusCause {
    StatusCause {
        field: Some(error.path.to_string()),
        message: Some(error.body()),
        reason: Some(error.kind.reason().to_owned()),
    }
}
