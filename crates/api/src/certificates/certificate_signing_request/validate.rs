//! The checks of a request, and of what may become of it.

use std::collections::HashSet;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::{APPROVAL, APPROVED, DENIED, FAILED, of_kind};
use crate::certificates::request::{check_certificates, check_request};
use crate::certificates::signer::validate_signer_name;
use crate::check::{one_of, required_one_of};
use crate::shown::json;
use crate::strategy::Part;

const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
/// A signer that only requests from before there were signers have.
const LEGACY: &str = "kubernetes.io/legacy-unknown";
/// Ten minutes, in seconds.
const SHORTEST: i32 = 600;
const STATUSES: &[&str] = &["False", "True", "Unknown"];

/// Checks what is asked for. It never changes afterwards.
pub(super) fn spec(spec: &CertificateSigningRequestSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    if let Err(why) = check_request(&spec.request.0) {
        // Nothing is what Kubernetes has for an empty list of bytes here.
        let given = (!spec.request.0.is_empty()).then_some(&spec.request);
        let shown = json(&given);
        errors.push(Error::invalid(&path.child("request"), shown, why));
    }
    errors.extend(usages(
        spec.usages.as_deref().unwrap_or_default(),
        &path.child("usages"),
    ));
    let at = path.child("signerName");
    if spec.signer_name == LEGACY {
        let detail = "the legacy signerName is not allowed via this API version";
        errors.push(Error::invalid(&at, LEGACY, detail));
    } else {
        errors.extend(validate_signer_name(&spec.signer_name, &at));
    }
    if let Some(seconds) = spec
        .expiration_seconds
        .filter(|&seconds| seconds < SHORTEST)
    {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(Error::invalid(
            &path.child("expirationSeconds"),
            seconds,
            detail,
        ));
    }
    errors
}

fn usages(usages: &[String], path: &Path) -> ErrorList {
    if usages.is_empty() {
        return vec![Error::required(path, "")];
    }
    let all = usages.iter().enumerate();
    let mut errors: ErrorList = all
        .clone()
        .flat_map(|(at, usage)| one_of(usage, USAGES, &path.index(at)))
        .collect();
    let mut seen = HashSet::new();
    let again = all.filter(|&(_, usage)| !seen.insert(usage));
    errors.extend(again.map(|(at, usage)| Error::duplicate(&path.index(at), usage.as_str())));
    errors
}

/// Checks conditions. What was let through before is let through again.
pub(super) fn conditions(
    request: &CertificateSigningRequest,
    old: Option<&CertificateSigningRequest>,
) -> ErrorList {
    let path = Path::new("status").child("conditions");
    let tolerated = |bad: fn(&CertificateSigningRequest) -> bool| old.is_some_and(bad);
    let (both, twice) = (tolerated(is_both), tolerated(has_duplicates));
    let untyped = tolerated(|request| of_kind(request, "").next().is_some());
    let list = super::conditions(request);
    let mut errors = ErrorList::new();
    for (at, condition) in list.iter().enumerate() {
        let (kind, at_this) = (condition.type_.as_str(), path.index(at));
        let had = |kind: &str| list[..at].iter().any(|before| before.type_ == kind);
        if kind.is_empty() && !untyped {
            errors.push(Error::required(&at_this.child("type"), ""));
        }
        let statuses: &[&str] = match kind {
            APPROVED | DENIED | FAILED => &["True"],
            _ => STATUSES,
        };
        errors.extend(required_one_of(
            Some(&condition.status),
            statuses,
            &at_this.child("status"),
        ));
        let contradicts = (kind == APPROVED && had(DENIED)) || (kind == DENIED && had(APPROVED));
        if contradicts && !both {
            let detail = "Approved and Denied conditions are mutually exclusive";
            errors.push(Error::invalid(&path, kind, detail));
        }
        if had(kind) && !twice {
            errors.push(Error::duplicate(&at_this.child("type"), kind));
        }
    }
    errors
}

fn is_both(request: &CertificateSigningRequest) -> bool {
    let mut kinds = [APPROVED, DENIED].into_iter();
    kinds.all(|kind| of_kind(request, kind).next().is_some())
}

fn has_duplicates(request: &CertificateSigningRequest) -> bool {
    let list = super::conditions(request);
    let mut all = list.iter().enumerate();
    all.any(|(at, condition)| {
        list[..at]
            .iter()
            .any(|before| before.type_ == condition.type_)
    })
}

/// Checks a change: what was decided stays, approval has its own part, and a certificate is given once.
pub(super) fn change(
    request: &CertificateSigningRequest,
    old: &CertificateSigningRequest,
    part: Part,
) -> ErrorList {
    let path = Path::new("status").child("conditions");
    let count = |request, kind| of_kind(request, kind).count();
    let mut errors = certificate_content(request, old);
    for kind in [APPROVED, DENIED, FAILED] {
        if count(request, kind) < count(old, kind) {
            let detail = format!("updates may not remove a condition of type {kind:?}");
            errors.push(Error::forbidden(&path, detail));
        }
    }
    for kind in [APPROVED, DENIED].into_iter().filter(|_| part != APPROVAL) {
        if count(request, kind) > count(old, kind) {
            let detail = format!("updates may not add a condition of type {kind:?}");
            errors.push(Error::forbidden(&path, detail));
        }
    }
    let path = Path::new("status").child("certificate");
    if certificate(request) != certificate(old) {
        if part != Part::Status {
            let detail = "updates may not set certificate content";
            errors.push(Error::forbidden(&path, detail));
        } else if !certificate(old).is_empty() {
            let detail = "updates may not modify existing certificate content";
            errors.push(Error::forbidden(&path, detail));
        }
    }
    errors
}

fn certificate(request: &CertificateSigningRequest) -> &[u8] {
    let status = request.status.as_ref();
    let certificate = status.and_then(|status| status.certificate.as_ref());
    certificate.map_or(&[], |bytes| &bytes.0)
}

fn certificate_content(
    request: &CertificateSigningRequest,
    old: &CertificateSigningRequest,
) -> ErrorList {
    let (new, before) = (certificate(request), certificate(old));
    if new.is_empty() || new == before {
        return ErrorList::new();
    }
    let was_bad = !before.is_empty() && check_certificates(before).is_err();
    match check_certificates(new) {
        Err(why) if !was_bad => {
            let path = Path::new("status").child("certificate");
            vec![Error::invalid(&path, "<certificate data>", why)]
        }
        _ => ErrorList::new(),
    }
}
