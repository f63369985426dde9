//! Removes requests that are old: what came of them is with the one who asked, or nobody will decide any more.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use navarch_api::certificates::certificate_end;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::{ACCOUNT, APPROVED, DENIED, FAILED, certificate, conditions, queue_each};
use crate::{Action, Controller, Plan, Watched};

/// How long a request is kept that was granted, denied or failed.
const DECIDED: SignedDuration = SignedDuration::from_hours(1);
/// How long one is kept that nobody decided, or nobody signed.
const WAITING: SignedDuration = SignedDuration::from_hours(24);
/// Times are whole seconds, and it must be later than they say.
const AFTER: SignedDuration = SignedDuration::from_secs(1);

/// The controller. Its keys are requests.
pub struct CertificateCleaning {
    /// Requests.
    pub requests: Informer<CertificateSigningRequest>,
}

impl Controller for CertificateCleaning {
    const NAME: &'static str = "csrcleaner";
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

    fn plan(&self, now: Timestamp, view: &Self::View, key: &ObjectKey) -> Plan {
        plan(now, view, key)
    }
}

/// Deletes a request whose time is over, and looks again when it will be.
pub fn plan(
    now: Timestamp,
    requests: &Snapshot<CertificateSigningRequest>,
    key: &ObjectKey,
) -> Plan {
    let mut plan = Plan::nothing();
    let Some(request) = requests.get(key) else {
        return plan;
    };
    match end(request) {
        Some(end) if now > end => {
            plan.then(Action::delete(request.as_ref()));
        }
        Some(end) => {
            plan.wake_at(end.saturating_add(AFTER).unwrap_or(end));
        }
        None => {}
    }
    plan
}

/// Until when a request is kept.
fn end(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let after = |time: Timestamp, wait: SignedDuration| time.checked_add(wait).ok();
    if conditions(request).is_empty() {
        let created = request.metadata.creation_timestamp.as_ref()?;
        return after(created.0, WAITING);
    }
    let certificate = certificate(request);
    let mut ends = Vec::new();
    for condition in conditions(request) {
        let wait = match condition.type_.as_str() {
            APPROVED if certificate.is_empty() => WAITING,
            APPROVED => {
                ends.extend(certificate_end(certificate));
                DECIDED
            }
            DENIED | FAILED => DECIDED,
            _ => continue,
        };
        let time = condition.last_update_time.as_ref();
        ends.extend(time.and_then(|time| after(time.0, wait)));
    }
    ends.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Csr, csr};
    use super::*;

    const HOUR: i64 = 3600;

    /// After how many seconds a request goes.
    fn goes(request: Csr) -> i64 {
        let request = request.made();
        let key = ObjectKey::of(&request.metadata);
        let snapshot = Snapshot::of([request], &[]);
        let wake = plan(Timestamp::UNIX_EPOCH, &snapshot, &key).wake.unwrap();
        let before = wake - AFTER;
        assert!(plan(before, &snapshot, &key).is_empty(), "too early");
        let then = plan(wake, &snapshot, &key);
        assert_eq!(then.actions().count(), 1);
        before.as_second()
    }

    #[test]
    fn requests_are_kept_as_long_as_kubernetes_keeps_them() {
        assert_eq!(goes(csr()), 24 * HOUR);
        assert_eq!(goes(csr().with(DENIED)), HOUR);
        assert_eq!(goes(csr().with(APPROVED)), 24 * HOUR);
        assert_eq!(goes(csr().with(APPROVED).with(FAILED)), HOUR);
        assert_eq!(goes(csr().with(APPROVED).issued("no certificate")), HOUR);
        let short = super::super::fixture::certificate(600);
        assert_eq!(goes(csr().with(APPROVED).issued(&short)), 600);
    }
}
