//! Ephemeral containers of a running pod, by an address of their own: they come, and stay as they are.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::items;
use super::annotations::MIRROR;
use super::{diff, equality, update};

/// Keeps everything but the ephemeral containers as it was.
pub(super) fn keep_the_rest(pod: &mut Pod, old: &Pod) {
    let new = pod.spec.take().and_then(|spec| spec.ephemeral_containers);
    pod.spec = Some(PodSpec {
        ephemeral_containers: new,
        ..old.spec.clone().unwrap_or_default()
    });
}

/// Checks a change of ephemeral containers.
pub(super) fn check(pod: &Pod, old: &Pod) -> ErrorList {
    if old
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(MIRROR))
    {
        return vec![Error::forbidden(
            &Path::root(),
            "static pods do not support ephemeral containers",
        )];
    }
    let mut errors = ErrorList::new();
    update::check_annotations(&mut errors, pod, old);
    let path = Path::new("spec").child("ephemeralContainers");
    let of = |pod: &Pod| {
        pod.spec
            .as_ref()
            .and_then(|spec| spec.ephemeral_containers.clone())
    };
    let (new, before) = (of(pod), of(old));
    for old in items(&before) {
        let detail = match items(&new).iter().rfind(|new| new.name == old.name) {
            None => format!(
                "existing ephemeral containers {:?} may not be removed\n",
                old.name
            ),
            Some(new) if !equality::same(new, old) => {
                format!(
                    "existing ephemeral containers {:?} may not be changed{}",
                    old.name,
                    diff::hint(old, new)
                )
            }
            Some(_) => continue,
        };
        errors.push(Error::forbidden(&path, detail));
    }
    errors
}
