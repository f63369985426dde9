//! Which changes of a pod are looked at: those of what runs in it.

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::container::{View, ephemeral, init, main};

/// Whether a pod has come to run something else: containers more or less, or other images. Nothing else that can change in a pod
/// that is there matters to a check.
pub fn changes_containers(new: &Pod, old: &Pod) -> bool {
    let none = PodSpec::default();
    let (new, old) = (
        new.spec.as_ref().unwrap_or(&none),
        old.spec.as_ref().unwrap_or(&none),
    );
    let images = |views: Vec<View<'_>>| -> Vec<String> {
        views.iter().map(|view| view.image.to_owned()).collect()
    };
    images(main(new).collect()) != images(main(old).collect())
        || images(init(new).collect()) != images(init(old).collect())
        || ephemeral(new).any(|new| {
            let before = ephemeral(old).find(|old| old.name == new.name);
            before.is_none_or(|before| before.image != new.image)
        })
}
