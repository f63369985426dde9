//! Certificate signing requests: who approves them, who signs, and who removes what is old.

pub mod approving;
pub mod cleaning;
pub mod serving;
pub mod signing;

use std::sync::Arc;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use navarch_client::{Informer, ObjectKey, Queue};

use crate::Action;

/// The account of those that Kubernetes has, too.
const ACCOUNT: &str = "certificate-controller";

const APPROVED: &str = "Approved";
const DENIED: &str = "Denied";
const FAILED: &str = "Failed";

/// Has each request looked at that is there or changes.
fn queue_each(requests: &Informer<CertificateSigningRequest>, queue: &Arc<Queue<ObjectKey>>) {
    let queue = queue.clone();
    requests.on_change(move |_, new| {
        if let Some(request) = new {
            queue.add(ObjectKey::of(&request.metadata));
        }
    });
}

fn conditions(request: &CertificateSigningRequest) -> &[CertificateSigningRequestCondition] {
    let status = request.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

fn has(request: &CertificateSigningRequest, kind: &str) -> bool {
    conditions(request)
        .iter()
        .any(|condition| condition.type_ == kind)
}

/// The certificate; empty: there is none yet.
fn certificate(request: &CertificateSigningRequest) -> &[u8] {
    let status = request.status.as_ref();
    let certificate = status.and_then(|status| status.certificate.as_ref());
    certificate.map_or(&[], |certificate| &certificate.0)
}

/// Nobody has decided yet.
fn is_pending(request: &CertificateSigningRequest) -> bool {
    certificate(request).is_empty() && !has(request, APPROVED) && !has(request, DENIED)
}

fn with_condition(
    request: &CertificateSigningRequest,
    kind: &str,
    reason: &str,
    message: &str,
) -> CertificateSigningRequest {
    let mut changed = request.clone();
    let status = changed.status.get_or_insert_default();
    let condition = CertificateSigningRequestCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        ..Default::default()
    };
    status.conditions.get_or_insert_default().push(condition);
    changed
}

fn approve(request: &CertificateSigningRequest, message: &str) -> Action {
    let approved = with_condition(request, APPROVED, "AutoApproved", message);
    Action::update_part(approved, "approval")
}

#[cfg(test)]
mod fixture;
