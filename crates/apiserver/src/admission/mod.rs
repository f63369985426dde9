//! Admission: what shapes and refuses a write beside the strategy of its kind.
//!
//! Each rule is one layer in [`Chain`]. On create and update `mutate` runs after the defaults and before the strategy's
//! `prepare`; `validate` runs after the strategy's validation, right before the store. Webhooks take their places in the same
//! list.

mod admin_access;
mod always_pull_images;
mod certificate_request;
mod certificate_signer;
mod claim_resize;
mod claim_status;
mod deny_external_ips;
mod event_rate_limit;
mod ingress_class;
mod limit_ranger;
mod namespace_lifecycle;
mod node_declared_features;
pub(crate) mod node_restriction;
mod node_taint;
mod options;
mod pod_priority;
mod pod_resize;
mod pod_security;
mod pod_topology_labels;
mod resource_quota;
mod role_escalation;
mod runtime_class;
mod service_account;
mod storage_class;
mod storage_protection;
mod tolerations;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use navarch_api::strategy::Part;
use navarch_auth::UserInfo;
use navarch_machinery::object::{Object, Typed, downcast};
use navarch_machinery::status::Result;
use navarch_store::{Compare, Entry, Snapshot};

pub use options::{AdmissionOptions, AdmissionOptionsError};
pub(crate) use resource_quota::{Refused, charge_quotas, is_limited};

use options::ALWAYS;

use crate::ApiServer;
use crate::authorization::Permissions;
use crate::registry::{Pending, Request};
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
    /// The verb of the request.
    pub(crate) verb: &'static str,
    pub(crate) served: &'a Served,
    pub(crate) namespace: &'a str,
    /// The name in the path; empty where there is none.
    pub(crate) name: &'a str,
    /// The part in the path; empty where it is the whole.
    pub(crate) subresource: &'a str,
    /// What permission is given by.
    pub(crate) permissions: &'a Permissions,
    pub(crate) directory: &'a Directory,
    /// Who writes.
    pub(crate) user: &'a UserInfo,
    /// Whether nothing is to be kept.
    pub(crate) dry_run: bool,
    /// When the request came.
    pub(crate) now: Timestamp,
    /// The state at this moment.
    pub(crate) snapshot: Arc<dyn Snapshot>,
    /// What is used of quotas when all that is on its way has come.
    pub(crate) pending: &'a Pending,
}

impl Attributes<'_> {
    /// All objects of a built-in cluster-wide resource at this moment.
    fn all<T: Typed>(&self, group: &str, resource: &str) -> Result<Vec<Arc<T>>> {
        let Some(served) = self.directory.find(group, "v1", resource) else {
            return Ok(Vec::new());
        };
        served.all(&*self.snapshot, "")
    }

    /// All objects of a built-in kind in a namespace at this moment.
    fn all_in<T: Typed>(&self, namespace: &str) -> Result<Vec<Arc<T>>> {
        let Some(served) = self.directory.of::<T>() else {
            return Ok(Vec::new());
        };
        served.all(&*self.snapshot, namespace)
    }

    /// One object of a built-in kind at this moment; `namespace` is empty in cluster scope.
    fn get<T: Typed>(&self, namespace: &str, name: &str) -> Result<Option<Arc<T>>> {
        let Some(served) = self.directory.of::<T>() else {
            return Ok(None);
        };
        let entry = self.snapshot.get(&served.key(namespace, name));
        let object = entry.map(|entry| served.decode(&entry)).transpose()?;
        Ok(object.and_then(downcast))
    }
}

/// The name that a refusal tells: the one in the path, or the object's, or what its name will be made of.
fn told_name(attributes: &Attributes<'_>, object: &dyn Object) -> String {
    let meta = object.metadata();
    let names = [&meta.name, &meta.generate_name];
    let of_object = names.into_iter().flatten().map(String::as_str);
    let mut names = std::iter::once(attributes.name).chain(of_object);
    let name = names.find(|name| !name.is_empty());
    name.unwrap_or("Unknown").to_owned()
}

/// What admission demands of the transaction that writes, and has to say of it.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// What must still hold when the object is written.
    pub(crate) guards: Vec<Compare>,
    /// The quotas that change with it.
    pub(crate) charged: Vec<Charged>,
    /// What the client is to be warned of.
    pub(crate) warnings: Vec<String>,
}

/// A quota with what is used of it after a write.
#[derive(Debug)]
pub(crate) struct Charged {
    /// As it was when that was found out.
    pub(crate) entry: Arc<Entry>,
    /// Whether that was found out on what it will be when all is there that is on its way, and not on this entry.
    pub(crate) is_pending: bool,
    /// As it is to be.
    pub(crate) quota: ResourceQuota,
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

/// All layers that are on, in order.
pub(crate) struct Chain {
    layers: Vec<Box<dyn Layer>>,
    /// Whether nodes are limited: in what is no object that is kept, too.
    pub(crate) restricts_nodes: bool,
}

impl Chain {
    /// Kubernetes' order, as far as it goes. Each rule by Kubernetes' name for it.
    pub(crate) fn new(options: &AdmissionOptions) -> Self {
        let pod_security = pod_security::PodSecurity(options.pod_security.clone());
        let events = event_rate_limit::EventRateLimit::new(options.event_rate_limit.clone());
        let all: Vec<(&str, Box<dyn Layer>)> = vec![
            (
                "NamespaceLifecycle",
                Box::new(namespace_lifecycle::NamespaceLifecycle),
            ),
            ("LimitRanger", Box::new(limit_ranger::LimitRanger)),
            ("ServiceAccount", Box::new(service_account::ServiceAccount)),
            (
                node_restriction::NAME,
                Box::new(node_restriction::NodeRestriction),
            ),
            (
                "TaintNodesByCondition",
                Box::new(node_taint::TaintNodesByCondition),
            ),
            (
                "AlwaysPullImages",
                Box::new(always_pull_images::AlwaysPullImages),
            ),
            (pod_security::NAME, Box::new(pod_security)),
            ("Priority", Box::new(pod_priority::Priority)),
            (
                "DefaultTolerationSeconds",
                Box::new(tolerations::DefaultTolerationSeconds),
            ),
            (event_rate_limit::NAME, Box::new(events)),
            (
                "DefaultStorageClass",
                Box::new(storage_class::DefaultStorageClass),
            ),
            (
                "StorageObjectInUseProtection",
                Box::new(storage_protection::StorageObjectInUseProtection),
            ),
            (
                "PersistentVolumeClaimResize",
                Box::new(claim_resize::PersistentVolumeClaimResize),
            ),
            ("RuntimeClass", Box::new(runtime_class::RuntimeClass)),
            (ALWAYS, Box::new(admin_access::AdminAccess)),
            (ALWAYS, Box::new(claim_status::ClaimStatus)),
            (
                "CertificateApproval",
                Box::new(certificate_signer::CertificateSigner::Approve),
            ),
            (
                "CertificateSigning",
                Box::new(certificate_signer::CertificateSigner::Sign),
            ),
            (ALWAYS, Box::new(certificate_request::CertificateRequester)),
            (
                "CertificateSubjectRestriction",
                Box::new(certificate_request::CertificateSubject),
            ),
            (
                "DefaultIngressClass",
                Box::new(ingress_class::DefaultIngressClass),
            ),
            (
                "DenyServiceExternalIPs",
                Box::new(deny_external_ips::DenyServiceExternalIps),
            ),
            (
                "PodTopologyLabels",
                Box::new(pod_topology_labels::PodTopologyLabels),
            ),
            (
                "NodeDeclaredFeatureValidator",
                Box::new(node_declared_features::NodeDeclaredFeatures),
            ),
            ("PodResizeValidator", Box::new(pod_resize::PodResize)),
            ("ResourceQuota", Box::new(resource_quota::ResourceQuota)),
            // Last of all that change it: what is asked is what will be there.
            (ALWAYS, Box::new(role_escalation::RoleEscalation)),
        ];
        let on = all.into_iter().filter(|(name, _)| options.is_on(name));
        Self {
            layers: on.map(|(_, layer)| layer).collect(),
            restricts_nodes: options.is_on(node_restriction::NAME),
        }
    }
}

impl ApiServer {
    fn attributes<'a>(&'a self, request: &'a Request<'_>, operation: Operation) -> Attributes<'a> {
        static NONE: Pending = Pending::new();
        Attributes {
            pending: &NONE,
            operation,
            verb: request.info.verb.as_str(),
            served: request.served,
            namespace: request.namespace(),
            name: &request.info.name,
            subresource: &request.info.subresource,
            permissions: &self.permissions,
            directory: &self.directory,
            user: request.user,
            dry_run: !request.params.dry_run.is_empty(),
            now: request.now,
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
            .layers
            .iter()
            .try_for_each(|layer| layer.mutate(&attributes, object, old))
    }

    /// Refuses what is made of an object in a namespace that is not there or is going, where it is no object that is kept.
    pub(crate) fn guard_namespace(&self, request: &Request<'_>, object: &dyn Object) -> Result<()> {
        let attributes = self.attributes(request, Operation::Create);
        namespace_lifecycle::guard(&attributes, object).map(drop)
    }

    /// Lets every layer refuse the object. What one warns of is told, whatever another says.
    pub(crate) fn admit(
        &self,
        request: &Request<'_>,
        operation: Operation,
        object: &dyn Object,
        old: Option<&dyn Object>,
        warnings: &mut Vec<String>,
    ) -> Result<Admitted> {
        self.admit_on(request, operation, object, old, (&Pending::new(), warnings))
    }

    /// The same, where other writes are on their way that quotas are charged for.
    pub(crate) fn admit_on(
        &self,
        request: &Request<'_>,
        operation: Operation,
        object: &dyn Object,
        old: Option<&dyn Object>,
        (pending, warnings): (&Pending, &mut Vec<String>),
    ) -> Result<Admitted> {
        let attributes = Attributes {
            pending,
            ..self.attributes(request, operation)
        };
        let mut admitted = Admitted::default();
        let mut layers = self.admission.layers.iter();
        let done =
            layers.try_for_each(|layer| layer.validate(&attributes, object, old, &mut admitted));
        warnings.append(&mut admitted.warnings);
        done.map(|()| admitted)
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
