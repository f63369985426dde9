//! What each node has one of by its own name: its lease, its storage drivers; its devices; and certificates in its name.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::resource::v1::ResourceSlice;
use navarch_api::certificates::common_name;
use navarch_machinery::status::Result;

use super::{Operation, Write};

const LEASES: &str = "kube-node-lease";
/// The signers of what nodes are known by.
const OF_NODES: &[&str] = &[
    "kubernetes.io/kubelet-serving",
    "kubernetes.io/kube-apiserver-client-kubelet",
];

pub(super) fn check_lease(write: &Write<'_>) -> Result<()> {
    if write.attributes.namespace != LEASES {
        return Err(write.forbidden(format!(
            "can only access leases in the {LEASES:?} system namespace"
        )));
    }
    check_name(write, "node lease")
}

pub(super) fn check_csi_node(write: &Write<'_>) -> Result<()> {
    check_name(write, "CSINode")
}

fn check_name(write: &Write<'_>, what: &str) -> Result<()> {
    if write.name() == write.node {
        return Ok(());
    }
    let why = format!("can only access {what} with the same name as the requesting node");
    Err(write.forbidden(why))
}

pub(super) fn check_slice(write: &Write<'_>) -> Result<()> {
    let verb = match write.attributes.operation {
        Operation::Create => "create",
        Operation::Delete => "delete",
        Operation::Update(_) => return Ok(()),
    };
    let slice = write.object.as_any().downcast_ref::<ResourceSlice>();
    match slice {
        Some(slice) if slice.spec.node_name.as_deref() != Some(write.node) => Err(write.forbidden(
            format!("can only {verb} ResourceSlice with the same NodeName as the requesting node"),
        )),
        _ => Ok(()),
    }
}

pub(super) fn check_certificate(write: &Write<'_>) -> Result<()> {
    let request = write.object.as_any().downcast_ref();
    let Some(request) = request.filter(|_| write.is_creation()) else {
        return Ok(());
    };
    let request: &CertificateSigningRequest = request;
    if !OF_NODES.contains(&request.spec.signer_name.as_str()) {
        return Ok(());
    }
    let wanted = format!("system:node:{}", write.node);
    match common_name(&request.spec.request.0) {
        Err(why) => Err(write.forbidden(format!("unable to parse csr: {why}"))),
        Ok(name) if name == wanted => Ok(()),
        Ok(_) => Err(write.forbidden(format!("can only create a node CSR with CN={wanted}"))),
    }
}
