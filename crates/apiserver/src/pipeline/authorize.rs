//! Whether the user may.

use navarch_auth::UserInfo;
use navarch_machinery::status::{Result, StatusError, qualified};

use crate::ApiServer;
use crate::identity::{Attributes, Decision};
use crate::request::RequestInfo;

impl ApiServer {
    /// Refuses what the user may not do, in Kubernetes' words.
    pub(crate) fn authorize(
        &self,
        user: &UserInfo,
        info: &RequestInfo<'_>,
        method: &str,
    ) -> Result<()> {
        let lower;
        let verb = if info.resource_request {
            info.verb.as_str()
        } else {
            lower = method.to_ascii_lowercase();
            &lower
        };
        let attributes = Attributes {
            verb,
            resource_request: info.resource_request,
            group: &info.group,
            version: &info.version,
            resource: &info.resource,
            subresource: &info.subresource,
            namespace: &info.namespace,
            name: &info.name,
            path: info.path,
        };
        self.permit(user, &attributes)
    }

    /// The same, of anything that can be asked for.
    pub(super) fn permit(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Result<()> {
        match self.authorizer.authorize(user, attributes) {
            Decision::Allow => Ok(()),
            Decision::NoOpinion(reason) => Err(forbidden(user, attributes, &reason)),
        }
    }
}

fn forbidden(user: &UserInfo, attributes: &Attributes<'_>, reason: &str) -> StatusError {
    let Attributes {
        verb,
        group,
        resource,
        subresource,
        namespace,
        name,
        path,
        ..
    } = *attributes;
    let user = &user.name;
    let because = if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    };
    if !attributes.resource_request {
        let message = format!("forbidden: User {user:?} cannot {verb} path {path:?}{because}");
        return StatusError {
            details: Some(Box::default()),
            ..StatusError::new(403, "Forbidden", message)
        };
    }
    let what = if subresource.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}/{subresource}")
    };
    let place = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let why = format!(
        "User {user:?} cannot {verb} resource {what:?} in API group {group:?} {place}{because}"
    );
    let mut error = StatusError::forbidden(group, resource, name, &why);
    if let (false, Some(_)) = (subresource.is_empty(), &error.details) {
        let subject = qualified(resource, group);
        error.message = if name.is_empty() {
            format!("{subject} is forbidden: {why}")
        } else {
            format!("{subject} {name:?} is forbidden: {why}")
        };
    }
    error
}
