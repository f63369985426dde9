//! Ports of containers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_port_name, is_port_number};

use super::super::absent::{items, text};
use super::super::check;

/// The ports of one container.
pub(super) fn check(errors: &mut ErrorList, path: &Path, ports: &[ContainerPort]) {
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = text(&port.name);
        if !name.is_empty() {
            let findings = is_port_name(name);
            if findings.is_empty() && !names.insert(name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
            check::each(errors, &path.child("name"), name, findings);
        }
        match port.container_port {
            0 => errors.push(Error::required(&path.child("containerPort"), "")),
            number => check_number(errors, &path.child("containerPort"), number),
        }
        if let Some(number) = port.host_port.filter(|number| *number != 0) {
            check_number(errors, &path.child("hostPort"), number);
        }
        check::one_of(
            errors,
            &path.child("protocol"),
            text(&port.protocol),
            &["SCTP", "TCP", "UDP"],
        );
    }
}

fn check_number(errors: &mut ErrorList, path: &Path, number: i32) {
    check::each(errors, path, number, is_port_number(i64::from(number)));
}

/// A port by number or by name.
pub(super) fn number_or_name(errors: &mut ErrorList, path: &Path, port: &IntOrString) {
    match port {
        IntOrString::Int(number) => check_number(errors, path, *number),
        IntOrString::String(name) => check::each(errors, path, name.as_str(), is_port_name(name)),
    }
}

/// Containers that run side by side do not ask for the same port of the host. `path` is their list's.
pub(super) fn distinct_host_ports(errors: &mut ErrorList, path: &Path, containers: &[Container]) {
    let mut taken = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        for (number, port) in items(&container.ports).iter().enumerate() {
            let Some(host_port) = port.host_port.filter(|port| *port != 0) else {
                continue;
            };
            let socket = format!(
                "{}/{}/{host_port}",
                text(&port.protocol),
                text(&port.host_ip)
            );
            if taken.contains(&socket) {
                errors.push(Error::duplicate(
                    &path
                        .index(index)
                        .child("ports")
                        .index(number)
                        .child("hostPort"),
                    &socket,
                ));
            }
            taken.insert(socket);
        }
    }
}

/// In the host's network a port is the host's. A template may leave that to the pod's defaults.
pub(in super::super) fn match_host_network(
    errors: &mut ErrorList,
    path: &Path,
    containers: &[Container],
    is_pod: bool,
) {
    for (index, container) in containers.iter().enumerate() {
        for (number, port) in items(&container.ports).iter().enumerate() {
            let host_port = port.host_port.unwrap_or_default();
            if host_port != port.container_port && (is_pod || host_port != 0) {
                let path = path
                    .index(index)
                    .child("ports")
                    .index(number)
                    .child("hostPort");
                errors.push(Error::invalid(
                    &path,
                    host_port,
                    "must match `containerPort` when `hostNetwork` is true",
                ));
            }
        }
    }
}
