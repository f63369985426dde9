//! What a certificate signing request carries: a PKCS#10 request, and certificates when it has been granted.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;

use super::pem::blocks;

const REQUEST: &str = "CERTIFICATE REQUEST";
const CERTIFICATE: &str = "CERTIFICATE";
const UNREADABLE: &str = "asn1: structure error";

/// Whether it is a request that whoever has its key has signed. The error is in Go's words.
pub(super) fn check_request(pem: &[u8]) -> Result<(), String> {
    with_request(pem, |request| {
        request
            .verify_signature()
            .map_err(|_| bad_signature(request))
    })?
}

/// The organizations of a request's subject.
///
/// # Errors
/// What is no request, in Go's words; an organization in an encoding that is not read.
pub fn organizations(pem: &[u8]) -> Result<Vec<String>, String> {
    with_request(pem, |request| {
        let names = request
            .certification_request_info
            .subject
            .iter_organization();
        // One that cannot be read could be any.
        let read = names.map(|name| name.as_str().map(str::to_owned));
        let read: Result<_, _> = read.collect();
        read.map_err(|_| "an organization of the subject cannot be read".to_owned())
    })?
}

/// The name that a certificate request in PEM asks for; empty: none.
///
/// # Errors
/// What is no request. In Go's words.
pub fn common_name(pem: &[u8]) -> Result<String, String> {
    with_request(pem, |request| {
        let subject = &request.certification_request_info.subject;
        let name = subject.iter_common_name().last();
        let name = name.and_then(|name| name.as_str().ok());
        name.unwrap_or_default().to_owned()
    })
}

pub(super) fn with_request<T>(
    pem: &[u8],
    look: impl FnOnce(&X509CertificationRequest<'_>) -> T,
) -> Result<T, String> {
    let first = blocks(pem).into_iter().next();
    let block = first.filter(|block| block.label == REQUEST);
    let block = block.ok_or_else(|| format!("PEM block type must be {REQUEST}"))?;
    match X509CertificationRequest::from_der(&block.der) {
        Ok(([], request)) => Ok(look(&request)),
        Ok(_) => Err("asn1: syntax error: trailing data".to_owned()),
        Err(_) => Err(UNREADABLE.to_owned()),
    }
}

fn bad_signature(request: &X509CertificationRequest<'_>) -> String {
    let kind = &request
        .certification_request_info
        .subject_pki
        .algorithm
        .algorithm;
    let words = if *kind == OID_PKCS1_RSAENCRYPTION {
        "crypto/rsa: verification error"
    } else if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
        "x509: ECDSA verification failure"
    } else if *kind == OID_SIG_ED25519 {
        "x509: Ed25519 verification failure"
    } else {
        "x509: cannot verify signature: algorithm unimplemented"
    };
    words.to_owned()
}

/// Whether these are certificates, one after another, and nothing else. The error is in Kubernetes' words.
pub(super) fn check_certificates(pem: &[u8]) -> Result<(), String> {
    let blocks = blocks(pem);
    for block in &blocks {
        if block.label != CERTIFICATE {
            let label = &block.label;
            return Err(format!(
                "only {CERTIFICATE} PEM blocks are allowed, found {label:?}"
            ));
        }
        if block.has_headers {
            return Err("no PEM block headers are permitted".to_owned());
        }
        if block.der.is_empty() {
            return Err(format!(
                "found {CERTIFICATE} PEM block containing 0 certificates"
            ));
        }
        X509Certificate::from_der(&block.der).map_err(|_| "x509: malformed certificate")?;
    }
    if blocks.is_empty() {
        return Err(format!("must contain at least one {CERTIFICATE} PEM block"));
    }
    Ok(())
}

/// When the first certificate of these in PEM ends; `None`: it cannot be read.
pub fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    let block = blocks(pem).into_iter().next()?;
    let (_, certificate) = X509Certificate::from_der(&block.der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
