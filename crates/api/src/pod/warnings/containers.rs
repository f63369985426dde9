//! Warnings about containers.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};
use navarch_machinery::field::Path;

use super::super::absent::{items, text};
use super::super::annotations::{APP_ARMOR, SECCOMP_CONTAINER, app_armor_field};
use super::super::context::containers;

type Annotations = BTreeMap<String, String>;

/// Annotations in place of fields, fractions of bytes, and variables that hide others.
pub(super) fn check(
    warnings: &mut Vec<String>,
    root: &Path,
    spec: &PodSpec,
    notes: Option<&Annotations>,
    is_template: bool,
) {
    let pod_profile = spec
        .security_context
        .as_ref()
        .and_then(|context| context.app_armor_profile.as_ref());
    for (path, container) in containers(spec, &root.child("spec")) {
        let security = container.security_context.as_ref();
        let key = format!("{SECCOMP_CONTAINER}{}", container.name);
        if security.is_none_or(|context| context.seccomp_profile.is_none())
            && notes.is_some_and(|notes| notes.contains_key(&key))
        {
            warnings.push(super::seccomp(root, &key));
        }
        let key = format!("{APP_ARMOR}{}", container.name);
        let annotation = notes.and_then(|notes| notes.get(&key));
        if let Some(annotation) = annotation
            .filter(|_| is_template && security.is_none_or(|it| it.app_armor_profile.is_none()))
            && (pod_profile.is_none() || pod_profile != app_armor_field(annotation).as_ref())
        {
            warnings.push(app_armor_deprecated(
                &root.child("metadata").child("annotations").key(&key),
            ));
        }
        if let Some(resources) = &container.resources {
            for name in ["memory", "ephemeral-storage"] {
                for (list, amounts) in [
                    ("limits", &resources.limits),
                    ("requests", &resources.requests),
                ] {
                    if let Some(value) = amounts.as_ref().and_then(|amounts| amounts.get(name)) {
                        super::fractional(
                            warnings,
                            &path.child("resources").child(list).key(name),
                            value,
                        );
                    }
                }
            }
        }
        variables(warnings, &path.child("env"), &container);
    }
}

/// The field has taken the annotation's place.
pub(in super::super) fn app_armor_deprecated(path: &Path) -> String {
    format!("{path}: deprecated since v1.30; use the \"appArmorProfile\" field instead")
}

/// A variable may be stated anew only to add to what it was.
fn variables(warnings: &mut Vec<String>, path: &Path, container: &Container) {
    let mut names = BTreeSet::new();
    for (index, variable) in items(&container.env).iter().enumerate() {
        if names.insert(variable.name.as_str()) {
            continue;
        }
        let reference = format!("$({})", variable.name);
        let value = text(&variable.value);
        if variable.value_from.is_some() || value == reference || !value.contains(&reference) {
            let detail = format!(
                "hides previous definition of {:?}, which may be dropped when using apply",
                variable.name
            );
            warnings.push(format!("{}: {detail}", path.index(index)));
        }
    }
}

/// Ports that are stated twice.
pub(super) fn ports(warnings: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let all = containers(spec, path);
    let ports: Vec<(Path, &ContainerPort)> = all
        .iter()
        .flat_map(|(path, container)| {
            let ports = items(&container.ports).iter().enumerate();
            ports.map(|(index, port)| (path.child("ports").index(index), port))
        })
        .collect();
    for (index, (path, port)) in ports.iter().enumerate() {
        if !text(&port.host_ip).is_empty() && port.host_port.unwrap_or_default() == 0 {
            warnings.push(format!(
                "{path}: hostIP set without hostPort: {}",
                shape(port)
            ));
        }
        for (other_path, other) in &ports[..index] {
            if let Some(relation) = relation(port, other) {
                warnings.push(format!(
                    "{path}: {relation} port definition with {other_path}"
                ));
            }
        }
    }
    let mut names: BTreeMap<&str, &Path> = BTreeMap::new();
    for (path, port) in ports
        .iter()
        .filter(|(_, port)| !text(&port.name).is_empty())
    {
        let name = text(&port.name);
        if let Some(other) = names.get(name) {
            let detail = format!("services and probes that select ports by name will use {other}");
            warnings.push(format!(
                "{path}: duplicate port name {name:?} with {other}, {detail}"
            ));
        } else {
            names.insert(name, path);
        }
    }
}

fn relation(port: &ContainerPort, other: &ContainerPort) -> Option<&'static str> {
    let host = |port: &ContainerPort| {
        (
            text(&port.host_ip).to_owned(),
            port.host_port.unwrap_or_default(),
        )
    };
    if port.container_port != other.container_port || text(&port.protocol) != text(&other.protocol)
    {
        return None;
    }
    let ((ip, number), (other_ip, other_number)) = (host(port), host(other));
    if ip == other_ip && number == other_number {
        Some("duplicate")
    } else if number == 0 || other_number == 0 {
        Some("overlapping")
    } else if number == other_number && ip.is_empty() != other_ip.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

fn shape(port: &ContainerPort) -> String {
    format!(
        "{{Name:{} HostPort:{} ContainerPort:{} Protocol:{} HostIP:{}}}",
        text(&port.name),
        port.host_port.unwrap_or_default(),
        port.container_port,
        text(&port.protocol),
        text(&port.host_ip)
    )
}
