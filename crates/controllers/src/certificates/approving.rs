//! Approves what nodes are known to the API server by, where the one who asks may have it: who may `create` the subresource
//! `selfnodeclient` of requests gets a certificate in its own name, and who may `create` `nodeclient` one for any node.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use navarch_api::certificates::{Requested, signers};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::{ACCOUNT, approve, is_pending, queue_each};
use crate::{Action, Controller, Failure, Plan, Watched};

/// What can be recognized in a request: the permission for it, and what is told when it is approved. The first is tried first.
const SELF: (&str, &str) = (
    "selfnodeclient",
    "Auto approving self kubelet client certificate after SubjectAccessReview.",
);
const ANY: (&str, &str) = (
    "nodeclient",
    "Auto approving kubelet client certificate after SubjectAccessReview.",
);

/// The controller. Its keys are requests.
pub struct CertificateApproving {
    /// Requests.
    pub requests: Informer<CertificateSigningRequest>,
}

impl Controller for CertificateApproving {
    const NAME: &'static str = "csrapproving";
    const ACCOUNT: &'static str = ACCOUNT;
    type View = Snapshot<CertificateSigningRequest>;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        queue_each(&self.requests, queue);
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.requests]
    }

    fn view(&self) -> Self::View {
        self.requests.snapshot()
    }

    fn plan(&self, _now: Timestamp, view: &Self::View, key: &ObjectKey) -> Plan {
        plan(view, key, None)
    }

    fn plan_after(
        &self,
        failure: &Failure,
        _now: Timestamp,
        view: &Self::View,
        key: &ObjectKey,
    ) -> Plan {
        let details = failure.error.details.as_ref();
        plan(view, key, details.and_then(|it| it.name.as_deref()))
    }
}

/// Asks for the permission, and approves where it is given. `refused`: which permission the last plan was refused.
pub fn plan(
    requests: &Snapshot<CertificateSigningRequest>,
    key: &ObjectKey,
    refused: Option<&str>,
) -> Plan {
    let mut plan = Plan::nothing();
    let Some(request) = requests.get(key).filter(|request| is_pending(request)) else {
        return plan;
    };
    let recognized = recognized(request);
    let next = recognized.iter().position(|(it, _)| Some(*it) == refused);
    // After the last it begins again: permission may have been given since.
    let next = next.and_then(|at| recognized.get(at + 1));
    if let Some((permission, message)) = next.or_else(|| recognized.first()) {
        plan.then(Action::confirm_allowed(
            review(request, permission),
            permission,
        ));
        plan.then(approve(request, message));
    }
    plan
}

fn recognized(request: &CertificateSigningRequest) -> Vec<(&'static str, &'static str)> {
    let spec = &request.spec;
    let Ok(requested) = Requested::read(&spec.request.0) else {
        return Vec::new();
    };
    let usages = spec.usages.as_deref().unwrap_or_default();
    if spec.signer_name != signers::KUBELET_CLIENT
        || signers::check_kubelet_client(&requested, usages).is_err()
    {
        return Vec::new();
    }
    if spec.username.as_deref() == Some(requested.common_name()) {
        vec![SELF, ANY]
    } else {
        vec![ANY]
    }
}

/// Whether the one who asks may have it.
fn review(request: &CertificateSigningRequest, permission: &str) -> SubjectAccessReview {
    let spec = &request.spec;
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: spec.username.clone(),
            uid: spec.uid.clone(),
            groups: spec.groups.clone(),
            extra: spec.extra.clone(),
            resource_attributes: Some(ResourceAttributes {
                group: Some("certificates.k8s.io".to_owned()),
                resource: Some("certificatesigningrequests".to_owned()),
                subresource: Some(permission.to_owned()),
                verb: Some("create".to_owned()),
                version: Some("*".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use navarch_api::call::Body;

    use super::super::fixture::{Csr, csr};
    use super::super::{APPROVED, DENIED};
    use super::*;

    /// The permission that is asked for, and the message of the approval; empty: nothing is done.
    fn planned(request: Csr, refused: Option<&str>) -> (String, String) {
        let request = request.made();
        let key = ObjectKey::of(&request.metadata);
        let plan = plan(&Snapshot::of([request], &[]), &key, refused);
        let bodies: Vec<_> = plan.actions().map(|action| &action.call.body).collect();
        let [Body::Object(review), Body::Object(approved)] = *bodies else {
            assert!(bodies.is_empty(), "{bodies:?}");
            return Default::default();
        };
        let review: &SubjectAccessReview = review.as_any().downcast_ref().unwrap();
        let asked = review.spec.resource_attributes.clone().unwrap();
        let approved = approved.as_any().downcast_ref().unwrap();
        let message = super::super::conditions(approved)[0].message.clone();
        (asked.subresource.unwrap(), message.unwrap())
    }

    fn of((permission, message): (&str, &str)) -> (String, String) {
        (permission.to_owned(), message.to_owned())
    }

    #[test]
    fn a_node_gets_its_own_and_a_bootstrapper_that_of_any() {
        let own = || csr().by("system:node:n");
        assert_eq!(planned(own(), None), of(SELF));
        assert_eq!(planned(own(), Some("selfnodeclient")), of(ANY));
        assert_eq!(planned(own(), Some("nodeclient")), of(SELF));
        let token = || csr().by("system:bootstrap:abcdef");
        assert_eq!(planned(token(), None), of(ANY));
        assert_eq!(planned(token(), Some("nodeclient")), of(ANY));
    }

    #[test]
    fn what_is_decided_or_nothing_of_a_node_is_left_alone() {
        let nothing = (String::new(), String::new());
        for request in [
            csr().with(APPROVED),
            csr().with(DENIED),
            csr().issued("PEM"),
            csr().signer(signers::API_SERVER_CLIENT),
            csr().signer(signers::KUBELET_SERVING),
            csr().usages(&["server auth"]),
        ] {
            assert_eq!(planned(request, None), nothing);
        }
    }
}
