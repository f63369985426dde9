//! Certificate signing requests: who asks and when conditions changed is filled in, and nobody asks to be an administrator.

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use navarch_api::certificates::organizations;
use navarch_auth::{MASTERS, UserInfo};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;

use super::{Admitted, Attributes, Layer, Operation};

/// The signer of certificates that the API server knows its clients by.
const CLIENTS: &str = "kubernetes.io/kube-apiserver-client";

/// Who asks, and when conditions changed: no plugin in Kubernetes, and so always on.
pub(super) struct CertificateRequester;

/// CertificateSubjectRestriction: nobody asks to be an administrator.
pub(super) struct CertificateSubject;

impl Layer for CertificateRequester {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(request) = object
            .as_any_mut()
            .downcast_mut::<CertificateSigningRequest>()
        else {
            return Ok(());
        };
        match attributes.operation {
            Operation::Create => fill_in_user(request, attributes.user),
            Operation::Update(_) => {
                let old = old.and_then(|old| old.as_any().downcast_ref());
                fill_in_times(
                    request,
                    old.map(conditions).unwrap_or_default(),
                    attributes.now,
                );
            }
            Operation::Delete => {}
        }
        Ok(())
    }
}

impl Layer for CertificateSubject {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        _: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let request = object.as_any().downcast_ref::<CertificateSigningRequest>();
        let asks = |request: &&CertificateSigningRequest| {
            attributes.operation == Operation::Create && request.spec.signer_name == CLIENTS
        };
        let Some(request) = request.filter(asks) else {
            return Ok(());
        };
        let why = match organizations(&request.spec.request.0) {
            Err(why) => format!("failed to parse CSR: {why}"),
            Ok(groups) if groups.iter().any(|group| group == MASTERS) => {
                format!("use of {CLIENTS} signer with {MASTERS} group is not allowed")
            }
            Ok(_) => return Ok(()),
        };
        let name = request.metadata.name.as_deref().unwrap_or_default();
        let def = &attributes.served.def;
        Err(StatusError::forbidden(&def.group, &def.plural, name, &why))
    }
}

fn fill_in_user(request: &mut CertificateSigningRequest, user: &UserInfo) {
    let spec = &mut request.spec;
    spec.username = Some(user.name.clone()).filter(|name| !name.is_empty());
    spec.uid = Some(user.uid.clone()).filter(|uid| !uid.is_empty());
    spec.groups = Some(user.groups.clone()).filter(|groups| !groups.is_empty());
    spec.extra = Some(user.extra.clone()).filter(|extra| !extra.is_empty());
}

fn conditions(request: &CertificateSigningRequest) -> &[CertificateSigningRequestCondition] {
    let status = request.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

/// Conditions that say no time changed now, or when they became what they are.
fn fill_in_times(
    request: &mut CertificateSigningRequest,
    before: &[CertificateSigningRequestCondition],
    now: Timestamp,
) {
    let now = seconds(now);
    let status = request.status.iter_mut();
    for condition in status.flat_map(|status| status.conditions.iter_mut().flatten()) {
        condition
            .last_update_time
            .get_or_insert_with(|| now.clone());
        if condition.last_transition_time.is_none() {
            let same = |old: &&CertificateSigningRequestCondition| {
                (&old.type_, &old.status) == (&condition.type_, &condition.status)
            };
            let since = before.iter().filter(same);
            let since = since
                .filter_map(|old| old.last_transition_time.clone())
                .next();
            condition.last_transition_time = since.or_else(|| Some(now.clone()));
        }
    }
}
