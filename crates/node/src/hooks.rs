//! postStart and preStop.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use navarch_runtime::cri::Runtime;

use crate::target;

const USER_AGENT: &str = "kube-lifecycle/1.36";
/// What a hook without a limit of its own may take.
const LONGEST: Duration = Duration::from_secs(3600);

/// Runs a hook to its end. Error: for the log; it may hold what a server said.
pub(crate) async fn run(
    runtime: &dyn Runtime,
    container: &Container,
    container_id: &str,
    pod_ip: &str,
    hook: &LifecycleHandler,
) -> Result<(), String> {
    if let Some(exec) = &hook.exec {
        let command = exec.command.clone().unwrap_or_default();
        let output = runtime
            .exec_sync(container_id, command, LONGEST)
            .await
            .map_err(|e| e.to_string())?;
        return if output.code == 0 {
            Ok(())
        } else {
            Err(format!("command terminated with exit code {}", output.code))
        };
    }
    if let Some(get) = &hook.http_get {
        // Any answer will do, whatever its status, as with the kubelet.
        return target::http(get, container, pod_ip, USER_AGENT)?
            .send(LONGEST)
            .await
            .map(drop);
    }
    if let Some(tcp) = &hook.tcp_socket {
        let (host, port) = target::tcp(tcp, container, pod_ip)?;
        return tokio::net::TcpStream::connect((host, port))
            .await
            .map(drop)
            .map_err(|e| e.to_string());
    }
    if let Some(sleep) = &hook.sleep {
        tokio::time::sleep(Duration::from_secs(
            u64::try_from(sleep.seconds).unwrap_or(0),
        ))
        .await;
    }
    Ok(())
}
