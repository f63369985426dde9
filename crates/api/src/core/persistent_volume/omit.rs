//! What Kubernetes' encoding leaves out of a volume.

use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolumeSpec, SecretReference};

use crate::empty::drop_empty;
use crate::pod::absent::items_mut;

/// Takes out of a spec what is empty.
pub(super) fn omit_spec(spec: &mut PersistentVolumeSpec) {
    drop_empty(&mut spec.access_modes);
    drop_empty(&mut spec.mount_options);
    drop_empty(&mut spec.persistent_volume_reclaim_policy);
    drop_empty(&mut spec.storage_class_name);
    spec.claim_ref.iter_mut().for_each(omit_reference);
    if let Some(needed) = spec
        .node_affinity
        .as_mut()
        .and_then(|affinity| affinity.required.as_mut())
    {
        for term in &mut needed.node_selector_terms {
            drop_empty(&mut term.match_expressions);
            drop_empty(&mut term.match_fields);
            let requirements = items_mut(&mut term.match_expressions)
                .iter_mut()
                .chain(items_mut(&mut term.match_fields));
            requirements.for_each(|requirement| drop_empty(&mut requirement.values));
        }
    }
    omit_flags(spec);
    omit_texts(spec);
    omit_lists(spec);
    omit_secrets(spec);
}

fn omit_reference(reference: &mut ObjectReference) {
    let texts = [
        &mut reference.api_version,
        &mut reference.field_path,
        &mut reference.kind,
        &mut reference.name,
        &mut reference.namespace,
        &mut reference.resource_version,
        &mut reference.uid,
    ];
    texts.into_iter().for_each(drop_empty);
}

fn omit_secret(secret: &mut SecretReference) {
    drop_empty(&mut secret.name);
    drop_empty(&mut secret.namespace);
}

macro_rules! of_sources {
    ($spec:ident, $($source:ident: $($field:ident),+;)+) => {
        $(if let Some(source) = &mut $spec.$source { $(drop_empty(&mut source.$field);)+ })+
    };
}

fn omit_flags(spec: &mut PersistentVolumeSpec) {
    of_sources! { spec,
        aws_elastic_block_store: read_only, partition;
        azure_file: read_only;
        cephfs: read_only;
        cinder: read_only;
        csi: read_only;
        fc: read_only;
        flex_volume: read_only;
        gce_persistent_disk: read_only, partition;
        glusterfs: read_only;
        iscsi: read_only, chap_auth_discovery, chap_auth_session;
        nfs: read_only;
        portworx_volume: read_only;
        quobyte: read_only;
        rbd: read_only;
        scale_io: read_only, ssl_enabled;
        storageos: read_only;
    }
}

fn omit_texts(spec: &mut PersistentVolumeSpec) {
    of_sources! { spec,
        aws_elastic_block_store: fs_type;
        cephfs: path, secret_file, user;
        cinder: fs_type;
        csi: fs_type;
        fc: fs_type;
        flex_volume: fs_type;
        flocker: dataset_name, dataset_uuid;
        gce_persistent_disk: fs_type;
        iscsi: fs_type, iscsi_interface;
        photon_persistent_disk: fs_type;
        portworx_volume: fs_type;
        quobyte: group, tenant, user;
        rbd: fs_type, keyring, pool, user;
        scale_io: fs_type, protection_domain, storage_mode, storage_pool, volume_name;
        storageos: fs_type, volume_name, volume_namespace;
        vsphere_volume: fs_type, storage_policy_id, storage_policy_name;
    }
}

fn omit_lists(spec: &mut PersistentVolumeSpec) {
    of_sources! { spec,
        csi: volume_attributes;
        fc: target_wwns, wwids;
        flex_volume: options;
        iscsi: portals;
    }
}

fn omit_secrets(spec: &mut PersistentVolumeSpec) {
    if let Some(csi) = &mut spec.csi {
        let secrets = [
            &mut csi.controller_expand_secret_ref,
            &mut csi.controller_publish_secret_ref,
            &mut csi.node_expand_secret_ref,
            &mut csi.node_publish_secret_ref,
            &mut csi.node_stage_secret_ref,
        ];
        secrets.into_iter().flatten().for_each(omit_secret);
    }
    let secrets = [
        spec.cephfs.as_mut().map(|it| &mut it.secret_ref),
        spec.cinder.as_mut().map(|it| &mut it.secret_ref),
        spec.flex_volume.as_mut().map(|it| &mut it.secret_ref),
        spec.iscsi.as_mut().map(|it| &mut it.secret_ref),
        spec.rbd.as_mut().map(|it| &mut it.secret_ref),
    ];
    secrets
        .into_iter()
        .flatten()
        .flatten()
        .for_each(omit_secret);
    if let Some(scale_io) = &mut spec.scale_io {
        omit_secret(&mut scale_io.secret_ref);
    }
    if let Some(secret) = spec
        .storageos
        .as_mut()
        .and_then(|it| it.secret_ref.as_mut())
    {
        omit_reference(secret);
    }
}
