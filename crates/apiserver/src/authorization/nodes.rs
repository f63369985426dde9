//! What nodes need, kept by the events of what they need it for.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, Pod};
use k8s_openapi::api::resource::v1::ResourceSlice;
use k8s_openapi::api::storage::v1::VolumeAttachment;
use navarch_auth::node::{Kind, NodeGraph};
use navarch_machinery::object::Object;

use super::kept::{FromObjects, Place};
use crate::served::{Directory, Served};

/// It.
#[derive(Debug, Default)]
pub(super) struct Nodes(pub(super) NodeGraph);

impl Nodes {
    pub(super) fn buckets(directory: &Directory) -> Vec<Arc<Served>> {
        let of = [
            directory.of::<Pod>(),
            directory.of::<PersistentVolume>(),
            directory.of::<VolumeAttachment>(),
            directory.of::<ResourceSlice>(),
        ];
        of.into_iter().flatten().cloned().collect()
    }
}

impl FromObjects for Nodes {
    fn put(&mut self, _: usize, place: Place<'_>, object: &dyn Object) {
        let object = object.as_any();
        let Place { namespace, name } = place;
        if let Some(pod) = object.downcast_ref::<Pod>() {
            self.0.put_pod(namespace, name, pod);
        } else if let Some(volume) = object.downcast_ref::<PersistentVolume>() {
            self.0.put_volume(name, volume);
        } else if let Some(attachment) = object.downcast_ref::<VolumeAttachment>() {
            let node = &attachment.spec.node_name;
            self.0.put_of_node(Kind::Attachment, name, node);
        } else if let Some(slice) = object.downcast_ref::<ResourceSlice>() {
            let node = slice.spec.node_name.as_deref().unwrap_or_default();
            self.0.put_of_node(Kind::ResourceSlice, name, node);
        }
    }

    fn remove(&mut self, bucket: usize, place: Place<'_>) {
        let Place { namespace, name } = place;
        // In the order of the buckets.
        match bucket {
            0 => self.0.remove_pod(namespace, name),
            1 => self.0.remove_volume(name),
            2 => self.0.remove_of_node(Kind::Attachment, name),
            _ => self.0.remove_of_node(Kind::ResourceSlice, name),
        }
    }
}
