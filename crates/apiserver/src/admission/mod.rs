//! Admission: what shapes and refuses a write beside the strategy of its kind.
//!
//! Each rule is one layer in [`Chain`]. On create and update `mutate` runs after the defaults and before the strategy's
//! `prepare`; `validate` runs after the strategy's validation, right before the store. Quota, limit ranges, pod security
//! and webhooks take their places in the same list.

mod admin_access;
mod certificate_request;
mod certificate_signer;
mod claim_resize;
mod ingress_class;
mod namespace_lifecycle;
pub(crate) mod node_restriction;
mod node_taint;
mod pod_priority;
mod pod_resize;
mod role_escalation;
mod runtime_class;
mod service_account;
mod storage_class;
mod storage_protection;
mod tolerations;

use std::sync::Arc;

use navarch_api::strategy::Part;
use navarch_auth::UserInfo;
use navarch_machinery::object::{Object, Typed};
use navarch_machinery::status::Result;
use navarch_store::{Compare, Snapshot};

use crate::ApiServer;
use crate::authorization::Permissions;
use crate::registry::Request;
use crate::served::{Directory, Served};

/// What is done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update(Part),
    Delete,
}

/// What a layer may know of a write.
pub(crate) struct Attributes<'a> {
    pub(crate) operation: Operation,
    pub(crate) served: &'a Served,
    pub(crate) namespace: &'a str,
    /// The name in the path; empty where there is none.
    pub(crate) name: &'a str,
    /// What permission is given by.
    pub(crate) permissions: &'a Permissions,
    pub(crate) directory: &'a Directory,
    /// Who writes.
    pub(crate) user: &'a UserInfo,
    /// The state at this moment.
    pub(crate) snapshot: Arc<dyn Snapshot>,
}

impl Attributes<'_> {
    /// All objects of a built-in cluster-wide resource at this moment.
    fn all<T: Typed>(&self, group: &str, resource: &str) -> Result<Vec<Arc<T>>> {
        let Some(served) = self.directory.find(group, "v1", resource) else {
            return Ok(Vec::new());
        };
        served.all(&*self.snapshot)
    }
}

/// What admission demands of the transaction that writes.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// What must still hold when the object is written.
    pub(crate) guards: Vec<Compare>,
}

/// One rule.
pub(crate) trait Layer: Send + Sync {
    /// Changes the object.
    fn mutate(
        &self,
        _attributes: &Attributes<'_>,
        _object: &mut dyn Object,
        _old: Option<&dyn Object>,
    ) -> Result<()> {
        Ok(())
    }

    /// Refuses the object, or names what must still hold when it is written.
    fn validate(
        &self,
        _attributes: &Attributes<'_>,
        _object: &dyn Object,
        _old: Option<&dyn Object>,
        _admitted: &mut Admitted,
    ) -> Result<()> {
        Ok(())
    }
}

/// All layers, in order.
pub(crate) struct Chain(Vec<Box<dyn Layer>>);

impl Chain {
    /// Kubernetes' default order, as far as it goes.
    pub(crate) fn new() -> Self {
        Self(vec![
            Box::new(namespace_lifecycle::NamespaceLifecycle),
            Box::new(service_account::ServiceAccount),
            Box::new(node_restriction::NodeRestriction),
            Box::new(node_taint::TaintNodesByCondition),
            Box::new(tolerations::DefaultTolerationSeconds),
            Box::new(pod_priority::Priority),
            Box::new(storage_class::DefaultStorageClass),
            Box::new(storage_protection::StorageObjectInUseProtection),
            Box::new(claim_resize::PersistentVolumeClaimResize),
            Box::new(runtime_class::RuntimeClass),
            Box::new(admin_access::AdminAccess),
            Box::new(certificate_signer::CertificateSigner),
            Box::new(certificate_request::CertificateRequest),
            Box::new(ingress_class::DefaultIngressClass),
            Box::new(pod_resize::PodResize),
            // Last of all that change it: what is asked is what will be there.
            Box::new(role_escalation::RoleEscalation),
        ])
    }
}

impl ApiServer {
    fn attributes<'a>(&'a self, request: &'a Request<'_>, operation: Operation) -> Attributes<'a> {
        Attributes {
            operation,
            served: request.served,
            namespace: request.namespace(),
            name: &request.info.name,
            permissions: &self.permissions,
            directory: &self.directory,
            user: request.user,
            snapshot: self.store.snapshot(),
        }
    }

    /// Lets every layer change the object.
    pub(crate) fn mutate(
        &self,
        request: &Request<'_>,
        operation: Operation,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        let attributes = self.attributes(request, operation);
        self.admission
            .0
            .iter()
            .try_for_each(|layer| layer.mutate(&attributes, object, old))
    }

    /// Lets every layer refuse the object.
    pub(crate) fn admit(
        &self,
        request: &Request<'_>,
        operation: Operation,
        object: &dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<Admitted> {
        let attributes = self.attributes(request, operation);
        let mut admitted = Admitted::default();
        self.admission
            .0
            .iter()
            .try_for_each(|layer| layer.validate(&attributes, object, old, &mut admitted))?;
        Ok(admitted)
    }
}

/// The pod that is being created, if that is what is being done.
fn created_pod<'a>(
    attributes: &Attributes<'_>,
    object: &'a mut dyn Object,
) -> Option<&'a mut k8s_openapi::api::core::v1::Pod> {
    written_pod(object).filter(|_| attributes.operation == Operation::Create)
}

/// The pod that is being written, if it is one.
fn written_pod(object: &mut dyn Object) -> Option<&mut k8s_openapi::api::core::v1::Pod> {
    object.as_any_mut().downcast_mut()
}
