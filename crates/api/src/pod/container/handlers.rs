//! What probes and lifecycle hooks do.

use k8s_openapi::api::core::v1::{
    ExecAction, GRPCAction, HTTPGetAction, LifecycleHandler, Probe, SleepAction, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_http_header_name;

use super::super::absent::{items, text};
use super::super::check;
use super::ports;

/// The things that can be done, of which one must be chosen.
#[derive(Default)]
pub(super) struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HTTPGetAction>,
    tcp_socket: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<&'a SleepAction>,
}

impl<'a> From<&'a Probe> for Handler<'a> {
    fn from(probe: &'a Probe) -> Self {
        Self {
            exec: probe.exec.as_ref(),
            http_get: probe.http_get.as_ref(),
            tcp_socket: probe.tcp_socket.as_ref(),
            grpc: probe.grpc.as_ref(),
            sleep: None,
        }
    }
}

impl<'a> From<&'a LifecycleHandler> for Handler<'a> {
    fn from(handler: &'a LifecycleHandler) -> Self {
        Self {
            exec: handler.exec.as_ref(),
            http_get: handler.http_get.as_ref(),
            tcp_socket: handler.tcp_socket.as_ref(),
            grpc: None,
            sleep: handler.sleep.as_ref(),
        }
    }
}

impl Handler<'_> {
    /// Checks the first, and that there is no other. `grace`: the pod's grace period in seconds.
    pub(super) fn check(&self, errors: &mut ErrorList, path: &Path, grace: Option<i64>) {
        let chosen = [
            ("exec", self.exec.is_some()),
            ("httpGet", self.http_get.is_some()),
            ("tcpSocket", self.tcp_socket.is_some()),
            ("grpc", self.grpc.is_some()),
            ("sleep", self.sleep.is_some()),
        ];
        let mut chosen = chosen
            .into_iter()
            .filter(|(_, is_chosen)| *is_chosen)
            .map(|(name, _)| name);
        let Some(first) = chosen.next() else {
            errors.push(Error::required(path, "must specify a handler type"));
            return;
        };
        self.check_first(errors, &path.child(first), grace);
        errors.extend(chosen.map(|other| {
            Error::forbidden(
                &path.child(other),
                "may not specify more than 1 handler type",
            )
        }));
    }

    fn check_first(&self, errors: &mut ErrorList, path: &Path, grace: Option<i64>) {
        if let Some(exec) = self.exec {
            if items(&exec.command).is_empty() {
                errors.push(Error::required(&path.child("command"), ""));
            }
        } else if let Some(http_get) = self.http_get {
            check_http_get(errors, path, http_get);
        } else if let Some(tcp_socket) = self.tcp_socket {
            ports::number_or_name(errors, &path.child("port"), &tcp_socket.port);
        } else if let Some(grpc) = self.grpc {
            ports::number_or_name(errors, &path.child("port"), &IntOrString::Int(grpc.port));
        } else if let (Some(sleep), Some(grace)) = (self.sleep, grace)
            && !(0..=grace).contains(&sleep.seconds)
        {
            let detail = format!(
                "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            );
            errors.push(Error::invalid(path, sleep.seconds, detail));
        }
    }
}

fn check_http_get(errors: &mut ErrorList, path: &Path, action: &HTTPGetAction) {
    check::required(errors, &path.child("path"), text(&action.path));
    ports::number_or_name(errors, &path.child("port"), &action.port);
    check::supported_value(
        errors,
        &path.child("scheme"),
        text(&action.scheme),
        &["HTTP", "HTTPS"],
    );
    for header in items(&action.http_headers) {
        check::each(
            errors,
            &path.child("httpHeaders"),
            header.name.as_str(),
            is_http_header_name(&header.name),
        );
    }
}
