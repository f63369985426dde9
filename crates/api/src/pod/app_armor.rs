//! AppArmor profiles that pods still name in annotations.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{AppArmorProfile, PodSpec, SecurityContext};
use navarch_machinery::field::Path;

use super::absent::items_mut;
use super::annotations::{APP_ARMOR, app_armor_field};
use super::context::containers;
use super::warnings::app_armor_deprecated;

type Annotations = BTreeMap<String, String>;

/// Puts the profile of an annotation into the field, where that is empty and the pod's profile is another.
pub(super) fn take_over(spec: &mut PodSpec, annotations: Option<&Annotations>) {
    let Some(annotations) = annotations.filter(|_| !is_windows(spec)) else {
        return;
    };
    let pod_profile = pod_profile(spec).cloned();
    let containers = spec
        .containers
        .iter_mut()
        .map(|it| (&it.name, &mut it.security_context));
    let init = items_mut(&mut spec.init_containers)
        .iter_mut()
        .map(|it| (&it.name, &mut it.security_context));
    for (name, security) in containers.chain(init) {
        let field = annotations
            .get(&format!("{APP_ARMOR}{name}"))
            .and_then(|annotation| app_armor_field(annotation));
        let has_own = security
            .as_ref()
            .is_some_and(|security| security.app_armor_profile.is_some());
        if field.is_some() && field != pod_profile && !has_own {
            security
                .get_or_insert_with(SecurityContext::default)
                .app_armor_profile = field;
        }
    }
}

/// Warns of annotations that were taken over, or mean nothing.
pub(super) fn warnings(spec: &PodSpec, annotations: Option<&Annotations>) -> Vec<String> {
    let Some(annotations) = annotations.filter(|_| !is_windows(spec)) else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    for (_, container) in containers(spec, &Path::root()) {
        let key = format!("{APP_ARMOR}{}", container.name);
        let Some(field) = annotations
            .get(&key)
            .map(|annotation| app_armor_field(annotation))
        else {
            continue;
        };
        if field.is_none() || field.as_ref() != pod_profile(spec) {
            warnings.push(app_armor_deprecated(
                &Path::new("metadata").child("annotations").key(&key),
            ));
        }
    }
    warnings
}

fn pod_profile(spec: &PodSpec) -> Option<&AppArmorProfile> {
    spec.security_context.as_ref()?.app_armor_profile.as_ref()
}

fn is_windows(spec: &PodSpec) -> bool {
    spec.os.as_ref().is_some_and(|os| os.name == "windows")
}
