//! Ephemeral containers: those that look into a running pod.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EphemeralContainer, ResourceRequirements};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::{items, text};
use super::super::context::{Context, as_container};
use super::{check_common, check_image_space};

const NOT_FOR_THEM: &str = "cannot be set for an Ephemeral Container";

/// The ephemeral containers of a pod.
pub(in super::super) fn check_ephemeral(
    errors: &mut ErrorList,
    list: &Path,
    context: &Context<'_>,
) {
    let regular = context
        .spec
        .containers
        .iter()
        .chain(items(&context.spec.init_containers));
    let others: BTreeSet<&str> = regular.map(|container| container.name.as_str()).collect();
    let mut names = others.clone();
    for (index, ephemeral) in items(&context.spec.ephemeral_containers).iter().enumerate() {
        let path = list.index(index);
        check_common(errors, &path, &as_container(ephemeral), context);
        check_image_space(errors, &path, text(&ephemeral.image));
        if !names.insert(ephemeral.name.as_str()) {
            errors.push(Error::duplicate(&path.child("name"), &ephemeral.name));
        }
        let target = text(&ephemeral.target_container_name);
        if !target.is_empty() && !others.contains(target) {
            errors.push(Error::not_found(&path.child("targetContainerName"), target));
        }
        forbid(errors, &path, ephemeral);
    }
}

/// They serve nobody, so that they have no ports, probes, hooks nor resources; nor may they leave anything behind.
fn forbid(errors: &mut ErrorList, path: &Path, container: &EphemeralContainer) {
    let asks = container
        .resources
        .as_ref()
        .is_some_and(|resources| *resources != ResourceRequirements::default());
    let set = [
        ("ports", !items(&container.ports).is_empty()),
        ("resources", asks),
        ("resizePolicy", !items(&container.resize_policy).is_empty()),
        ("restartPolicy", container.restart_policy.is_some()),
        (
            "restartPolicyRules",
            !items(&container.restart_policy_rules).is_empty(),
        ),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("lifecycle", container.lifecycle.is_some()),
    ];
    for (name, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        errors.push(Error::forbidden(&path.child(name), NOT_FOR_THEM));
    }
    for (index, mount) in items(&container.volume_mounts).iter().enumerate() {
        let path = path.child("volumeMounts").index(index);
        for (name, value) in [
            ("subPath", &mount.sub_path),
            ("subPathExpr", &mount.sub_path_expr),
        ] {
            if !text(value).is_empty() {
                errors.push(Error::forbidden(&path.child(name), NOT_FOR_THEM));
            }
        }
    }
}
