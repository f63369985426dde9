//! The node's conditions, in the kubelet's words and with its default thresholds.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;
use navarch_machinery::time::seconds;

use super::machine;
use crate::options::NodeOptions;

/// Memory below which the node is under pressure.
const LEAST_MEMORY: i64 = 100 << 20;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pressure {
    memory: bool,
    disk: bool,
    processes: bool,
}

/// Looks at memory, disk and processes.
pub(super) fn pressure(options: &NodeOptions) -> Pressure {
    let disk = machine::disk(&options.data_dir)
        .is_some_and(|(all, free, inodes)| free < all / 10 || inodes < 5);
    Pressure {
        memory: machine::memory_available().is_some_and(|free| free < LEAST_MEMORY),
        disk,
        processes: machine::processes()
            .is_some_and(|(there, most)| there.saturating_mul(10) > most.saturating_mul(9)),
    }
}

/// The conditions. `unready`: what keeps the node from being ready.
pub(super) fn conditions(
    old: &[NodeCondition],
    pressure: Pressure,
    unready: Option<&str>,
    now: Timestamp,
) -> Vec<NodeCondition> {
    let text = |bad: bool, yes: (&'static str, &'static str), no: (&'static str, &'static str)| {
        if bad { yes } else { no }
    };
    let memory = text(
        pressure.memory,
        (
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
        ),
        (
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
    );
    let disk = text(
        pressure.disk,
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    );
    let pids = text(
        pressure.processes,
        (
            "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available",
        ),
        (
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
    );
    let ready = match unready {
        Some(why) => ("KubeletNotReady", why),
        None => ("KubeletReady", "kubelet is posting ready status"),
    };
    vec![
        condition(old, "MemoryPressure", pressure.memory, memory, now),
        condition(old, "DiskPressure", pressure.disk, disk, now),
        condition(old, "PIDPressure", pressure.processes, pids, now),
        condition(old, "Ready", unready.is_none(), ready, now),
    ]
}

fn condition(
    old: &[NodeCondition],
    kind: &str,
    yes: bool,
    (reason, message): (&str, &str),
    now: Timestamp,
) -> NodeCondition {
    let status = if yes { "True" } else { "False" };
    let since = old
        .iter()
        .find(|c| c.type_ == kind && c.status == status)
        .and_then(|c| c.last_transition_time.clone());
    NodeCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(seconds(now)),
        last_transition_time: Some(since.unwrap_or_else(|| seconds(now))),
    }
}
