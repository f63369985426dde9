//! Whether the user may.

use navarch_api::naming::path_segment;
use navarch_auth::{Attributes, Decision, UserInfo};
use navarch_machinery::fields::Selector;
use navarch_machinery::status::{Result, StatusError, qualified};

use crate::ApiServer;
use crate::request::{Params, RequestInfo, Verb};

impl ApiServer {
    /// Refuses what the user may not do, in Kubernetes' words.
    pub(crate) fn authorize(
        &self,
        user: &UserInfo,
        info: &RequestInfo<'_>,
        params: &Params<'_>,
        method: &str,
    ) -> Result<()> {
        asked(info, params, method, |attributes| {
            self.permit(user, attributes)
        })
    }

    /// The same, where a request does what has another verb besides its own: an update that makes an object, a GET that runs a command.
    pub(crate) fn authorize_also(
        &self,
        user: &UserInfo,
        info: &RequestInfo<'_>,
        verb: &str,
    ) -> Result<()> {
        self.permit(
            user,
            &Attributes {
                verb,
                resource_request: true,
                group: &info.group,
                version: &info.version,
                resource: &info.resource,
                subresource: &info.subresource,
                namespace: &info.namespace,
                name: &info.name,
                path: info.path,
                equal_fields: &[],
            },
        )
    }

    /// The same, of anything that can be asked for.
    pub(super) fn permit(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Result<()> {
        match self.permissions.decide(user, attributes) {
            Decision::Allow(_) => Ok(()),
            Decision::NoOpinion(reason) => Err(forbidden(user, attributes, &reason)),
        }
    }
}

/// What a request asks for, as far as permission goes.
pub(crate) fn asked<R>(
    info: &RequestInfo<'_>,
    params: &Params<'_>,
    method: &str,
    then: impl FnOnce(&Attributes<'_>) -> R,
) -> R {
    let lower;
    let verb = if info.resource_request {
        info.verb.as_str()
    } else {
        lower = method.to_ascii_lowercase();
        &lower
    };
    let fields = selected(info, params);
    let equal_fields: Vec<(&str, &str)> = fields
        .terms()
        .iter()
        .filter(|term| term.equals)
        .map(|term| (&*term.field, &*term.value))
        .collect();
    // Who reads the one of a name by a list asks for no other.
    let reads = matches!(info.verb, Verb::List | Verb::Watch) && info.name.is_empty();
    let named = fields.exact_match("metadata.name").filter(|_| reads);
    let name = named.filter(|name| path_segment(name, false).is_empty());
    let attributes = Attributes {
        verb,
        resource_request: info.resource_request,
        group: &info.group,
        version: &info.version,
        resource: &info.resource,
        subresource: &info.subresource,
        namespace: &info.namespace,
        name: name.unwrap_or(&info.name),
        path: info.path,
        equal_fields: &equal_fields,
    };
    then(&attributes)
}

/// What a list, a watch or a deletion of many is narrowed to. One that cannot be read narrows nothing, and is refused later.
fn selected(info: &RequestInfo<'_>, params: &Params<'_>) -> Selector {
    let many = matches!(info.verb, Verb::List | Verb::Watch | Verb::DeleteCollection);
    if !many || !info.resource_request || params.field_selector.is_empty() {
        return Selector::default();
    }
    Selector::parse(&params.field_selector).unwrap_or_default()
}

/// The refusal of what nothing speaks for, in Kubernetes' words.
pub(crate) fn forbidden(user: &UserInfo, attributes: &Attributes<'_>, reason: &str) -> StatusError {
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
