//! CertificateApproval and CertificateSigning: who grants a certificate, or issues it, must be permitted to for its signer.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use navarch_api::strategy::Part;
use navarch_auth::Attributes as Asked;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

/// The rule for one of the two verbs.
pub(super) enum CertificateSigner {
    /// CertificateApproval.
    Approve,
    /// CertificateSigning.
    Sign,
}

impl Layer for CertificateSigner {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let as_request = |object: &dyn Object| {
            let request = object.as_any().downcast_ref::<CertificateSigningRequest>();
            request.cloned()
        };
        let Some((new, old)) = as_request(object).zip(old.and_then(as_request)) else {
            return Ok(());
        };
        // By the signer that was asked: who writes cannot choose another.
        let signer = &old.spec.signer_name;
        let verb = match (self, attributes.operation) {
            (Self::Approve, Operation::Update(Part::Other("approval"))) => "approve",
            (Self::Sign, Operation::Update(Part::Status)) if issues(&new, &old) => "sign",
            _ => return Ok(()),
        };
        let domain = signer.split('/').next().unwrap_or_default();
        if may(attributes, verb, signer) || may(attributes, verb, &format!("{domain}/*")) {
            return Ok(());
        }
        let def = &attributes.served.def;
        let why = format!("user not permitted to {verb} requests with signerName {signer:?}");
        let name = attributes.name;
        Err(StatusError::forbidden(&def.group, &def.plural, name, &why))
    }
}

/// Whether the certificate changes, or what is said of it.
fn issues(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> bool {
    let told = |request: &CertificateSigningRequest| {
        let status = request.status.clone().unwrap_or_default();
        (status.certificate, status.conditions.unwrap_or_default())
    };
    told(new) != told(old)
}

fn may(attributes: &Attributes<'_>, verb: &str, signer: &str) -> bool {
    let asked = Asked {
        verb,
        group: "certificates.k8s.io",
        resource: "signers",
        name: signer,
        ..Asked::default()
    };
    attributes.permissions.allow(attributes.user, asked)
}
