//! Who may do what.

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview,
    SelfSubjectRulesReview, SubjectAccessReview, SubjectAccessReviewSpec,
    SubjectAccessReviewStatus, SubjectRulesReviewStatus,
};
use navarch_auth::{Attributes, Decision, UserInfo};
use navarch_machinery::fields::Selector;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::selectors::unread;
use super::{Request, as_type};
use crate::ApiServer;

/// Whether whoever asks may.
pub(super) fn of_oneself(
    server: &ApiServer,
    request: &Request<'_>,
    object: &mut dyn Object,
) -> Result<()> {
    let review: &mut SelfSubjectAccessReview = as_type(object)?;
    let spec = &review.spec;
    let (resource, path) = (
        spec.resource_attributes.as_ref(),
        spec.non_resource_attributes.as_ref(),
    );
    review.status = Some(server.decide(request.user, resource, path));
    Ok(())
}

/// Whether somebody may.
pub(super) fn of_subject(
    server: &ApiServer,
    _: &Request<'_>,
    object: &mut dyn Object,
) -> Result<()> {
    let review: &mut SubjectAccessReview = as_type(object)?;
    review.status = Some(server.decide_for(&review.spec));
    Ok(())
}

/// Whether somebody may, in one namespace.
pub(super) fn of_subject_here(
    server: &ApiServer,
    _: &Request<'_>,
    object: &mut dyn Object,
) -> Result<()> {
    let review: &mut LocalSubjectAccessReview = as_type(object)?;
    review.status = Some(server.decide_for(&review.spec));
    Ok(())
}

/// All that whoever asks may do in a namespace.
pub(super) fn rules(
    server: &ApiServer,
    request: &Request<'_>,
    object: &mut dyn Object,
) -> Result<()> {
    let review: &mut SelfSubjectRulesReview = as_type(object)?;
    let namespace = review.spec.namespace.take();
    let namespace = namespace.ok_or_else(|| StatusError::bad_request("no namespace on request"))?;
    let rules = server.permissions.rules(request.user, &namespace);
    *review = SelfSubjectRulesReview {
        status: Some(SubjectRulesReviewStatus {
            resource_rules: rules.resource,
            non_resource_rules: rules.non_resource,
            incomplete: rules.incomplete,
            evaluation_error: rules.error,
        }),
        ..Default::default()
    };
    Ok(())
}

impl ApiServer {
    fn decide_for(&self, spec: &SubjectAccessReviewSpec) -> SubjectAccessReviewStatus {
        let user = UserInfo {
            name: spec.user.clone().unwrap_or_default(),
            uid: spec.uid.clone().unwrap_or_default(),
            groups: spec.groups.clone().unwrap_or_default(),
            extra: spec.extra.clone().unwrap_or_default(),
        };
        let resource = spec.resource_attributes.as_ref();
        self.decide(&user, resource, spec.non_resource_attributes.as_ref())
    }

    fn decide(
        &self,
        user: &UserInfo,
        resource: Option<&ResourceAttributes>,
        path: Option<&NonResourceAttributes>,
    ) -> SubjectAccessReviewStatus {
        let fields = resource.map(equal_fields).unwrap_or_default();
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        let attributes = match resource {
            Some(resource) => Attributes {
                equal_fields: &fields,
                ..of_resource(resource)
            },
            None => of_path(path),
        };
        let (allowed, reason) = match self.permissions.decide(user, &attributes) {
            Decision::Allow(grounds) => (true, grounds.to_string()),
            Decision::NoOpinion(reason) => (false, reason),
        };
        SubjectAccessReviewStatus {
            allowed,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            evaluation_error: resource.and_then(unread),
            ..Default::default()
        }
    }
}

/// What the question's field selector demands to be equal, however it is written.
fn equal_fields(resource: &ResourceAttributes) -> Vec<(String, String)> {
    let Some(selector) = &resource.field_selector else {
        return Vec::new();
    };
    let raw = Selector::parse(text(&selector.raw_selector)).unwrap_or_default();
    let raw = raw.terms().iter().filter(|term| term.equals);
    let raw = raw.map(|term| (term.field.clone(), term.value.clone()));
    let given = selector.requirements.iter().flatten();
    let given = given.filter_map(|one| match one.values.as_deref() {
        Some([value]) if one.operator == "In" => Some((one.key.clone(), value.clone())),
        _ => None,
    });
    raw.chain(given).collect()
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

fn of_resource(resource: &ResourceAttributes) -> Attributes<'_> {
    Attributes {
        verb: text(&resource.verb),
        resource_request: true,
        group: text(&resource.group),
        version: resource.version.as_deref().unwrap_or("*"),
        resource: text(&resource.resource),
        subresource: text(&resource.subresource),
        namespace: text(&resource.namespace),
        name: text(&resource.name),
        ..Attributes::default()
    }
}

fn of_path(path: Option<&NonResourceAttributes>) -> Attributes<'_> {
    Attributes {
        verb: path.map(|path| text(&path.verb)).unwrap_or_default(),
        path: path.map(|path| text(&path.path)).unwrap_or_default(),
        ..Attributes::default()
    }
}
