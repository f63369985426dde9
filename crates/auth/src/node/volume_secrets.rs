//! The secrets that a node needs to mount a volume.

use k8s_openapi::api::core::v1::{PersistentVolume, SecretReference};

/// Namespace and name of each. A reference without a namespace is to one of the claim's.
pub(super) fn secrets(volume: &PersistentVolume) -> Vec<(Box<str>, Box<str>)> {
    let Some(spec) = &volume.spec else {
        return Vec::new();
    };
    let claim = spec.claim_ref.as_ref();
    let claims = claim
        .and_then(|claim| claim.namespace.as_deref())
        .unwrap_or_default();
    let mut secrets: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut add = |namespace: Option<&str>, name: Option<&str>| {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let own = namespace.filter(|namespace| !namespace.is_empty());
            secrets.push((own.unwrap_or(claims).into(), name.into()));
        }
    };
    if let Some(azure) = &spec.azure_file {
        add(azure.secret_namespace.as_deref(), Some(&azure.secret_name));
    }
    let csi = spec.csi.as_ref();
    let references: [Option<&SecretReference>; 9] = [
        spec.cephfs.as_ref().and_then(|it| it.secret_ref.as_ref()),
        spec.cinder.as_ref().and_then(|it| it.secret_ref.as_ref()),
        spec.flex_volume
            .as_ref()
            .and_then(|it| it.secret_ref.as_ref()),
        spec.rbd.as_ref().and_then(|it| it.secret_ref.as_ref()),
        spec.scale_io.as_ref().map(|it| &it.secret_ref),
        spec.iscsi.as_ref().and_then(|it| it.secret_ref.as_ref()),
        // Publishing, staging and growing are the node's; what the controller of a driver needs is not.
        csi.and_then(|it| it.node_publish_secret_ref.as_ref()),
        csi.and_then(|it| it.node_stage_secret_ref.as_ref()),
        csi.and_then(|it| it.node_expand_secret_ref.as_ref()),
    ];
    for reference in references.into_iter().flatten() {
        add(reference.namespace.as_deref(), reference.name.as_deref());
    }
    if let Some(reference) = spec
        .storageos
        .as_ref()
        .and_then(|it| it.secret_ref.as_ref())
    {
        add(reference.namespace.as_deref(), reference.name.as_deref());
    }
    secrets
}
