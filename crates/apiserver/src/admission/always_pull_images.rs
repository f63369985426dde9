//! AlwaysPullImages, an option: nobody runs an image that a node has without showing that they may pull it.
//!
//! Follows Kubernetes' plugin of that name, and goes beyond it in one thing: ephemeral containers have an address of their own, which
//! Kubernetes' plugin does not look at, so that whoever may debug a pod may run any image of its node there.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use navarch_api::strategy::Part;
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation, written_pod};

const ALWAYS: &str = "Always";

pub(super) struct AlwaysPullImages;

impl Layer for AlwaysPullImages {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(pod) = written_pod(object) else {
            return Ok(());
        };
        let subject = Subject::of(attributes.operation, pod, old);
        if let Some(spec) = &mut pod.spec {
            for policy in policies(spec, &subject) {
                *policy = Some(ALWAYS.to_owned());
            }
        }
        Ok(())
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let Some(pod) = object.as_any().downcast_ref::<Pod>() else {
            return Ok(());
        };
        let subject = Subject::of(attributes.operation, pod, old);
        let mut spec = pod.spec.clone().unwrap_or_default();
        let paths = paths(&spec, &subject);
        let all = paths.into_iter().zip(policies(&mut spec, &subject));
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let found: Vec<String> = all
            .filter(|(_, policy)| policy.as_deref() != Some(ALWAYS))
            .map(|(path, policy)| {
                let given = policy.as_deref().unwrap_or_default();
                let error = Error::not_supported(&path, given, &[ALWAYS]);
                StatusError::forbidden("", "pods", name, &error.to_string()).message
            })
            .collect();
        match found.as_slice() {
            [] => Ok(()),
            [one] => Err(StatusError::new(403, "Forbidden", one.clone())),
            several => Err(StatusError::new(
                403,
                "Forbidden",
                format!("[{}]", several.join(", ")),
            )),
        }
    }
}

/// What of a pod is looked at.
enum Subject {
    All,
    /// The ephemeral containers of other names than these.
    Debuggers(HashSet<String>),
    Nothing,
}

impl Subject {
    fn of(operation: Operation, pod: &Pod, old: Option<&dyn Object>) -> Self {
        let old = old.and_then(|old| old.as_any().downcast_ref::<Pod>());
        match operation {
            Operation::Create => Self::All,
            Operation::Update(Part::Main) => {
                let known = old.map(images).unwrap_or_default();
                match images(pod).is_subset(&known) {
                    true => Self::Nothing,
                    false => Self::All,
                }
            }
            Operation::Update(Part::Other("ephemeralcontainers")) => {
                let spec = old.and_then(|old| old.spec.as_ref());
                let known = spec.map(|spec| spec.ephemeral_containers.iter().flatten());
                let known = known.into_iter().flatten().map(|it| it.name.clone());
                Self::Debuggers(known.collect())
            }
            _ => Self::Nothing,
        }
    }

    fn has_debugger(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Debuggers(known) => !known.contains(name),
            Self::Nothing => false,
        }
    }
}

fn images(pod: &Pod) -> HashSet<String> {
    let none = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&none);
    let init = spec.init_containers.iter().flatten().map(|it| &it.image);
    let main = spec.containers.iter().map(|it| &it.image);
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    let all = init.chain(main).chain(ephemeral.map(|it| &it.image));
    all.map(|image| image.clone().unwrap_or_default()).collect()
}

/// How each image is pulled, in the order of [`paths`].
fn policies<'a>(spec: &'a mut PodSpec, subject: &Subject) -> Vec<&'a mut Option<String>> {
    let mut all = Vec::new();
    if matches!(subject, Subject::All) {
        let init = spec.init_containers.iter_mut().flatten();
        all.extend(init.map(|it| &mut it.image_pull_policy));
        let main = spec.containers.iter_mut();
        all.extend(main.map(|it| &mut it.image_pull_policy));
        let volumes = spec.volumes.iter_mut().flatten();
        let images = volumes.filter_map(|volume| volume.image.as_mut());
        all.extend(images.map(|image| &mut image.pull_policy));
    }
    let ephemeral = spec.ephemeral_containers.iter_mut().flatten();
    let ephemeral = ephemeral.filter(|it| subject.has_debugger(&it.name));
    all.extend(ephemeral.map(|it| &mut it.image_pull_policy));
    all
}

/// Where each of [`policies`] is.
fn paths(spec: &PodSpec, subject: &Subject) -> Vec<Path> {
    let root = Path::new("spec");
    let at = |list: &str, index: usize, field: &str| root.child(list).index(index).child(field);
    let mut all = Vec::new();
    if matches!(subject, Subject::All) {
        let init = spec.init_containers.as_ref().map_or(0, Vec::len);
        all.extend((0..init).map(|index| at("initContainers", index, "imagePullPolicy")));
        let main = 0..spec.containers.len();
        all.extend(main.map(|index| at("containers", index, "imagePullPolicy")));
        let volumes = spec.volumes.iter().flatten().enumerate();
        let images = volumes.filter(|(_, volume)| volume.image.is_some());
        all.extend(images.map(|(index, _)| at("volumes", index, "image").child("pullPolicy")));
    }
    let ephemeral = spec.ephemeral_containers.iter().flatten().enumerate();
    let ephemeral = ephemeral.filter(|(_, it)| subject.has_debugger(&it.name));
    all.extend(ephemeral.map(|(index, _)| at("ephemeralContainers", index, "imagePullPolicy")));
    all
}
