//! One probe.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use navarch_runtime::cri::{Error, Runtime};
use tokio::net::TcpStream;

use super::{Subject, grpc};
use crate::http_get::{authority, dial_error};
use crate::target;

const USER_AGENT: &str = "kube-probe/1.36";

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Well.
    Success,
    /// Well enough.
    Warning(String),
    /// The container is not well.
    Failure(String),
    /// The probe could not be carried out.
    Error(String),
}

/// Probes once.
pub(crate) async fn check(
    subject: &Subject,
    probe: &Probe,
    runtime: &dyn Runtime,
    timeout: Duration,
) -> Outcome {
    if let Some(exec) = &probe.exec {
        return run_command(subject, exec, runtime, timeout).await;
    }
    if let Some(get) = &probe.http_get {
        return ask(subject, get, timeout).await;
    }
    if let Some(tcp) = &probe.tcp_socket {
        return knock(subject, tcp, timeout).await;
    }
    if let Some(action) = &probe.grpc {
        let Ok(port) = u16::try_from(action.port) else {
            return Outcome::Error(format!("invalid port number: {}", action.port));
        };
        return grpc::check(
            &subject.pod_ip,
            port,
            action.service.as_deref().unwrap_or(""),
            timeout,
        )
        .await;
    }
    Outcome::Error("missing probe handler".into())
}

async fn run_command(
    subject: &Subject,
    exec: &ExecAction,
    runtime: &dyn Runtime,
    timeout: Duration,
) -> Outcome {
    let command = exec.command.clone().unwrap_or_default();
    match runtime
        .exec_sync(&subject.container_id, command, timeout)
        .await
    {
        Ok(output) if output.code == 0 => Outcome::Success,
        Ok(output) => {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            Outcome::Failure(text)
        }
        Err(Error::Timeout(_)) => {
            Outcome::Failure(format!("command timed out after {}s", timeout.as_secs()))
        }
        Err(error) => Outcome::Error(error.to_string()),
    }
}

async fn ask(subject: &Subject, get: &HTTPGetAction, timeout: Duration) -> Outcome {
    let request = match target::http(get, &subject.container, &subject.pod_ip, USER_AGENT) {
        Ok(request) => request,
        Err(error) => return Outcome::Error(error),
    };
    match request.send(timeout).await {
        Ok(answer) if answer.elsewhere => Outcome::Warning(format!(
            "Probe terminated redirects, Response body: {}",
            answer.body
        )),
        Ok(answer) if answer.status.is_success() || answer.status.is_redirection() => {
            Outcome::Success
        }
        Ok(answer) => Outcome::Failure(format!(
            "HTTP probe failed with statuscode: {}",
            answer.status.as_u16()
        )),
        Err(error) => Outcome::Failure(error),
    }
}

async fn knock(subject: &Subject, tcp: &TCPSocketAction, timeout: Duration) -> Outcome {
    let (host, port) = match target::tcp(tcp, &subject.container, &subject.pod_ip) {
        Ok(target) => target,
        Err(error) => return Outcome::Error(error),
    };
    let to = authority(&host, port);
    match tokio::time::timeout(timeout, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => Outcome::Success,
        Ok(Err(error)) => Outcome::Failure(format!("dial tcp {to}: {}", dial_error(&error))),
        Err(_) => Outcome::Failure(format!("dial tcp {to}: i/o timeout")),
    }
}
