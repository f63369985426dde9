//! Certificate signing requests.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use navarch_machinery::apply::Scope;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

const APPROVED: &str = "Approved";
const DENIED: &str = "Denied";
const FAILED: &str = "Failed";
/// The part that says whether a request is granted.
const APPROVAL: Part = Part::Other("approval");

impl Hooks for CertificateSigningRequest {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        cell::AGE,
        Column::of(
            "SignerName",
            "string",
            "",
            0,
            "Requested signer for the request. It is a qualified name in the form: `scope-hostname.io/name`. If empty, it will be \
            defaulted:\n 1. If it's a kubelet client certificate, it is assigned\n    \
            \"kubernetes.io/kube-apiserver-client-kubelet\".\n 2. If it's a kubelet serving certificate, it is assigned\n    \
            \"kubernetes.io/kubelet-serving\".\n 3. Otherwise, it is assigned \"kubernetes.io/legacy-unknown\".\nDistribution of \
            trust for signers happens out of band. You can select on this field using `spec.signerName`.",
        ),
        Column::of(
            "Requestor",
            "string",
            "",
            0,
            "Base64-encoded PKCS#10 CSR data",
        ),
        Column::of(
            "RequestedDuration",
            "string",
            "",
            0,
            "expirationSeconds is the requested duration of validity of the issued certificate. The certificate signer may issue a \
            certificate with a different validity duration so a client must check the delta between the notBefore and and notAfter \
            fields in the issued certificate to determine the actual duration.\n\nThe v1.22+ in-tree implementations of the \
            well-known Kubernetes signers will honor this field as long as the requested duration is not greater than the maximum \
            duration they will honor per the --cluster-signing-duration CLI flag to the Kubernetes controller \
            manager.\n\nCertificate signers may not honor this field for various reasons:\n\n  1. Old signer that is unaware of \
            the field (such as the in-tree\n     implementations prior to v1.22)\n  2. Signer whose configured maximum is shorter \
            than the requested duration\n  3. Signer whose configured minimum is longer than the requested duration\n\nThe minimum \
            valid value for expirationSeconds is 600, i.e. 10 minutes.",
        ),
        Column::of(
            "Condition",
            "string",
            "",
            0,
            "Conditions applied to the request, such as approval or denial.",
        ),
    ];
    const FIELDS: &'static [&'static str] = &["spec.signerName"];

    fn apply_defaults(&mut self) {
        let spec = &mut self.spec;
        drop_empty(&mut spec.extra);
        drop_empty(&mut spec.groups);
        drop_empty(&mut spec.uid);
        drop_empty(&mut spec.usages);
        drop_empty(&mut spec.username);
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.certificate);
        drop_empty(&mut status.conditions);
        for condition in status.conditions.iter_mut().flatten() {
            drop_empty(&mut condition.message);
            drop_empty(&mut condition.reason);
        }
    }

    // Who asks, and when conditions changed, is the server's to fill in.
    fn prepare_for_create(&mut self) {
        self.status = Some(Default::default());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        self.spec.clone_from(&old.spec);
        match part {
            Part::Status => {
                for kind in [APPROVED, DENIED] {
                    keep_conditions(self, old, kind);
                }
            }
            APPROVAL => {
                let conditions = self.status.take().and_then(|status| status.conditions);
                self.status = Some(CertificateSigningRequestStatus {
                    conditions,
                    certificate: old.status.clone().and_then(|status| status.certificate),
                });
            }
            _ => self.status.clone_from(&old.status),
        }
    }

    fn scope(part: Part) -> Scope {
        match part {
            Part::Status => Scope::AllBut(&["spec", "status.conditions"]),
            APPROVAL => Scope::AllBut(&["spec", "status.certificate"]),
            _ => Scope::AllBut(&["spec", "status"]),
        }
    }

    fn name_errors(name: &str, _prefix: bool) -> Vec<String> {
        naming::path_segment(name, false)
    }

    fn validate_create(&self) -> ErrorList {
        let mut errors = validate::spec(&self.spec);
        errors.extend(validate::conditions(self, None));
        errors
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        let mut errors = validate::conditions(self, Some(old));
        errors.extend(validate::change(self, old, part));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = &self.spec;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "<none>".to_owned());
        let signer = Some(spec.signer_name.clone()).filter(|name| !name.is_empty());
        let duration = spec
            .expiration_seconds
            .map(|seconds| cell::duration(seconds.into()));
        vec![
            cell::name(&self.metadata),
            cell::age(&self.metadata, now),
            or_none(signer).into(),
            spec.username.clone().unwrap_or_default().into(),
            or_none(duration).into(),
            state(self).into(),
        ]
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == "spec.signerName").then(|| self.spec.signer_name.clone())
    }
}

fn conditions(request: &CertificateSigningRequest) -> &[CertificateSigningRequestCondition] {
    let status = request.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

fn of_kind<'a>(
    request: &'a CertificateSigningRequest,
    kind: &'a str,
) -> impl Iterator<Item = &'a CertificateSigningRequestCondition> {
    conditions(request)
        .iter()
        .filter(move |condition| condition.type_ == kind)
}

/// A write of the status changes no condition of this type, where there are as many as before.
fn keep_conditions(
    request: &mut CertificateSigningRequest,
    old: &CertificateSigningRequest,
    kind: &str,
) {
    if of_kind(request, kind).count() != of_kind(old, kind).count() {
        return;
    }
    let status = request.status.get_or_insert_default();
    let now = status
        .conditions
        .iter_mut()
        .flatten()
        .filter(|condition| condition.type_ == kind);
    for (condition, before) in now.zip(of_kind(old, kind)) {
        condition.clone_from(before);
    }
}

/// `Pending`, `Approved,Issued`, `Denied`, `Approved,Failed`.
fn state(request: &CertificateSigningRequest) -> String {
    let has = |kind: &str| of_kind(request, kind).next().is_some();
    let mut state = if has(DENIED) {
        DENIED
    } else if has(APPROVED) {
        APPROVED
    } else {
        "Pending"
    }
    .to_owned();
    if has(FAILED) {
        state.push_str(",Failed");
    }
    let certificate = request
        .status
        .as_ref()
        .and_then(|status| status.certificate.as_ref());
    if certificate.is_some_and(|certificate| !certificate.0.is_empty()) {
        state.push_str(",Issued");
    }
    state
}
