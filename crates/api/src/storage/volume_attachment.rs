//! Volume attachments: a volume that is, or is to be, attached to a node.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::{VolumeAttachment, VolumeAttachmentStatus, VolumeError};
use navarch_machinery::apply::Scope;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use crate::cell;
use crate::core::persistent_volume::default_source;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::keep_for_status;
use crate::naming;
use crate::pod::absent::text;
use crate::strategy::{self, Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for VolumeAttachment {
    const METADATA: MetadataRules = MetadataRules {
        change: false,
        ..MetadataRules::WHOLE
    };
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: false,
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Attacher",
            "string",
            "name",
            0,
            "attacher indicates the name of the volume driver that MUST handle this request. This is the name returned by \
            GetPluginName().",
        ),
        Column::of(
            "PV",
            "string",
            "",
            0,
            "persistentVolumeName represents the name of the persistent volume to attach.",
        ),
        Column::of(
            "Node",
            "string",
            "",
            0,
            "nodeName represents the node that the volume should be attached to.",
        ),
        Column::of(
            "Attached",
            "boolean",
            "",
            0,
            "attached indicates the volume is successfully attached. This field must only be set by the entity completing the \
            attach operation, i.e. the external-attacher.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        let source = &mut self.spec.source;
        source
            .inline_volume_spec
            .iter_mut()
            .for_each(default_source);
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.attachment_metadata);
        for error in [&mut status.attach_error, &mut status.detach_error] {
            error
                .iter_mut()
                .for_each(|error: &mut VolumeError| drop_empty(&mut error.message));
        }
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(VolumeAttachmentStatus::default());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            keep_for_status(&mut self.metadata, &old.metadata);
        } else {
            self.status.clone_from(&old.status);
        }
    }

    fn scope(part: Part) -> Scope {
        strategy::status_alone(part)
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::attachment(self)
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        validate::change(self, old)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let attached = self.status.as_ref().is_some_and(|status| status.attached);
        vec![
            cell::name(&self.metadata),
            self.spec.attacher.as_str().into(),
            text(&self.spec.source.persistent_volume_name).into(),
            self.spec.node_name.as_str().into(),
            attached.into(),
            cell::age(&self.metadata, now),
        ]
    }
}
