//! Signs what is approved, for the signers that Kubernetes itself has.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::certificates::{Requested, signers};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::{ACCOUNT, APPROVED, DENIED, FAILED, certificate, has, queue_each, with_condition};
use crate::{Action, Controller, Plan, Watched};

/// No certificate is asked for that holds for less: Kubernetes' 10 minutes.
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);
/// When it is tried again to sign what could not be signed.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// Has the key of an authority. It is the one thing that a plan here asks of the world: a certificate is made of random numbers.
pub trait Signer: Debug + Send + Sync {
    /// A certificate in PEM, with what was asked for and these usages, that holds for this long from now.
    ///
    /// # Errors
    /// Why there is none: the authority's own time is over, say.
    fn sign(
        &self,
        request: &Requested,
        usages: &[String],
        life: SignedDuration,
        now: Timestamp,
    ) -> Result<String, String>;
}

/// The controller. Its keys are requests.
pub struct CertificateSigning {
    /// Requests.
    pub requests: Informer<CertificateSigningRequest>,
    /// Who signs for all four signers.
    pub signer: Arc<dyn Signer>,
    /// No certificate holds for longer: `--cluster-signing-duration`.
    pub longest: SignedDuration,
}

impl Controller for CertificateSigning {
    const NAME: &'static str = "csrsigning";
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
        let mut plan = Plan::nothing();
        let Some(request) = view.get(key) else {
            return plan;
        };
        match decide(request) {
            Decision::Nothing => {}
            Decision::Refuse(why) => {
                plan.then(Action::update_status(failed(request, &why, now)));
            }
            Decision::Sign(requested) => {
                let usages = request.spec.usages.as_deref().unwrap_or_default();
                let life = life(request.spec.expiration_seconds, self.longest);
                match self.signer.sign(&requested, usages, life, now) {
                    Ok(certificate) => {
                        let signed = issued(request, certificate);
                        plan.then(Action::update_status(signed));
                    }
                    Err(error) => {
                        tracing::warn!(%key, error, "a certificate could not be signed");
                        plan.wake_at(now.saturating_add(AGAIN).unwrap_or(now));
                    }
                }
            }
        }
        plan
    }
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing, yet or any more; or it is another signer's.
    Nothing,
    /// It is approved, and is not what its signer signs.
    Refuse(String),
    /// It is signed.
    Sign(Box<Requested>),
}

/// Whether a request is to be signed.
pub fn decide(request: &CertificateSigningRequest) -> Decision {
    let is_open = has(request, APPROVED) && !has(request, DENIED) && !has(request, FAILED);
    if !is_open || !certificate(request).is_empty() {
        return Decision::Nothing;
    }
    // What is no request was not taken.
    let Ok(requested) = Requested::read(&request.spec.request.0) else {
        return Decision::Nothing;
    };
    let usages = request.spec.usages.as_deref().unwrap_or_default();
    match signers::check(&request.spec.signer_name, &requested, usages) {
        None => Decision::Nothing,
        Some(Err(why)) => Decision::Refuse(why),
        Some(Ok(())) => Decision::Sign(Box::new(requested)),
    }
}

/// How long a certificate holds for which so many seconds were asked.
pub fn life(asked: Option<i32>, longest: SignedDuration) -> SignedDuration {
    let asked = asked.map(|seconds| SignedDuration::from_secs(seconds.into()));
    match asked {
        Some(asked) if asked <= longest => asked.max(SHORTEST),
        _ => longest,
    }
}

fn failed(
    request: &CertificateSigningRequest,
    why: &str,
    now: Timestamp,
) -> CertificateSigningRequest {
    let mut failed = with_condition(request, FAILED, "SignerValidationFailure", why);
    let status = failed.status.iter_mut();
    let last = status.flat_map(|status| status.conditions.iter_mut().flatten());
    if let Some(condition) = last.last() {
        condition.last_update_time = Some(Time(now));
    }
    failed
}

fn issued(request: &CertificateSigningRequest, certificate: String) -> CertificateSigningRequest {
    let mut signed = request.clone();
    let status = signed.status.get_or_insert_default();
    status.certificate = Some(ByteString(certificate.into_bytes()));
    signed
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Csr, csr};
    use super::*;

    fn decided(request: Csr) -> String {
        match decide(&request.made()) {
            Decision::Nothing => "nothing".to_owned(),
            Decision::Refuse(why) => why,
            Decision::Sign(requested) => requested.common_name().to_owned(),
        }
    }

    #[test]
    fn what_is_approved_and_right_is_signed_once() {
        let approved = || csr().with(APPROVED);
        assert_eq!(decided(csr()), "nothing");
        assert_eq!(decided(approved()), "system:node:n");
        assert_eq!(decided(approved().with(FAILED)), "nothing");
        assert_eq!(decided(csr().with(DENIED)), "nothing");
        assert_eq!(decided(approved().issued("PEM")), "nothing");
        assert_eq!(decided(approved().signer("example.org/s")), "nothing");
        let why = "DNS or IP subjectAltName is required";
        assert_eq!(decided(approved().signer(signers::KUBELET_SERVING)), why);
    }

    #[test]
    fn a_failure_says_why() {
        let now = Timestamp::UNIX_EPOCH;
        let failed = failed(&csr().with(APPROVED).made(), "why", now);
        let conditions = super::super::conditions(&failed);
        let [_, failed] = conditions else {
            panic!("{conditions:?}")
        };
        assert_eq!((&*failed.type_, &*failed.status), (FAILED, "True"));
        assert_eq!(failed.reason.as_deref(), Some("SignerValidationFailure"));
        assert_eq!(failed.message.as_deref(), Some("why"));
        assert_eq!(failed.last_update_time, Some(Time(now)));
    }

    #[test]
    fn nobody_gets_more_time_than_there_is() {
        let longest = SignedDuration::from_hours(1);
        assert_eq!(life(None, longest), longest);
        assert_eq!(life(Some(7200), longest), longest);
        assert_eq!(life(Some(1200), longest), SignedDuration::from_mins(20));
        assert_eq!(life(Some(1), longest), SHORTEST);
        let short = SignedDuration::from_secs(10);
        assert_eq!(life(None, short), short);
        assert_eq!(life(Some(600), short), short);
    }
}
