//! What an attachment may be.

use k8s_openapi::api::storage::v1::{
    VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec, VolumeError,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::inclusive_range_error;

use crate::check::dns_subdomain;
use crate::core::persistent_volume::check_inline;
use crate::pod::absent::entries;
use crate::pod::check::Json;
use crate::pod::volume_sources::check_driver_name;

const ONE_SOURCE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
/// The most bytes of what a driver notes down with an attachment.
const MAX_METADATA: usize = 256 * 1024;
/// The most bytes of an error's message.
const MAX_MESSAGE: usize = 1024;

pub(super) fn attachment(attachment: &VolumeAttachment) -> ErrorList {
    let mut errors = ErrorList::new();
    let spec = &attachment.spec;
    let path = Path::new("spec");
    check_driver_name(&mut errors, &path.child("attacher"), &spec.attacher);
    source(&mut errors, &path.child("source"), &spec.source);
    errors.extend(dns_subdomain(&spec.node_name, &path.child("nodeName")));
    status(&mut errors, attachment);
    if let Some(name) = &spec.source.persistent_volume_name {
        let path = path.child("source").child("persistentVolumeName");
        errors.extend(dns_subdomain(name, &path));
    }
    errors
}

fn source(errors: &mut ErrorList, path: &Path, source: &VolumeAttachmentSource) {
    match (&source.inline_volume_spec, &source.persistent_volume_name) {
        (None, None) => errors.push(Error::required(path, ONE_SOURCE)),
        (Some(_), Some(_)) => errors.push(Error::forbidden(path, ONE_SOURCE)),
        (None, Some(name)) if name.is_empty() => errors.push(Error::required(
            &path.child("persistentVolumeName"),
            "must specify non empty persistentVolumeName",
        )),
        (None, Some(_)) => {}
        (Some(spec), None) => check_inline(errors, &path.child("inlineVolumeSpec"), spec),
    }
}

fn status(errors: &mut ErrorList, attachment: &VolumeAttachment) {
    let Some(status) = &attachment.status else {
        return;
    };
    let path = Path::new("status");
    let size = entries(&status.attachment_metadata).map(|(key, value)| key.len() + value.len());
    if size.sum::<usize>() > MAX_METADATA {
        let path = path.child("attachmentMetadata");
        errors.push(Error::too_long(&path, MAX_METADATA));
    }
    for (name, error) in [
        ("attachError", &status.attach_error),
        ("detachError", &status.detach_error),
    ] {
        if let Some(error) = error {
            volume_error(errors, &path.child(name), error);
        }
    }
}

fn volume_error(errors: &mut ErrorList, path: &Path, error: &VolumeError) {
    let message = error.message.as_deref().unwrap_or_default();
    if message.len() > MAX_MESSAGE {
        // Kubernetes names the wrong limit.
        errors.push(Error::too_long(&path.child("message"), MAX_METADATA));
    }
    if let Some(code) = error.error_code.filter(|code| *code < 0) {
        let detail = inclusive_range_error(0, i32::MAX.into());
        errors.push(Error::invalid(&path.child("errorCode"), code, detail));
    }
}

/// An attachment stays what it is.
pub(super) fn change(new: &VolumeAttachment, old: &VolumeAttachment) -> ErrorList {
    if new.spec == old.spec {
        return ErrorList::new();
    }
    vec![Error::invalid(
        &Path::new("spec"),
        shown(&new.spec),
        "field is immutable",
    )]
}

/// The spec of an attachment as errors show it.
fn shown(spec: &VolumeAttachmentSpec) -> Json {
    let source = Json::object(&[
        (
            "PersistentVolumeName",
            Json::of(&spec.source.persistent_volume_name),
        ),
        (
            "InlineVolumeSpec",
            Json::of(&spec.source.inline_volume_spec),
        ),
    ]);
    Json::object(&[
        ("Attacher", Json::of(&spec.attacher)),
        ("Source", source),
        ("NodeName", Json::of(&spec.node_name)),
    ])
}
