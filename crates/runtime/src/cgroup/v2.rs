//! Version 2: one tree.

use std::io;
use std::path::Path;

use super::Usage;
use super::convert::weight_of_shares;
use super::hierarchy::{field, number, write};
use crate::cri::Resources;

/// The controllers to hand down, each only where the kernel has it.
const CONTROLLERS: [&str; 4] = ["cpu", "memory", "pids", "io"];

pub(super) fn create(root: &Path, path: &Path) -> io::Result<()> {
    let mut group = root.to_path_buf();
    for part in path {
        delegate(&group)?;
        group.push(part);
        match std::fs::create_dir(&group) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives the controllers of `group` to its children.
fn delegate(group: &Path) -> io::Result<()> {
    let available = std::fs::read_to_string(group.join("cgroup.controllers"))?;
    let given = std::fs::read_to_string(group.join("cgroup.subtree_control"))?;
    for controller in CONTROLLERS {
        let has = |text: &str| text.split_whitespace().any(|word| word == controller);
        if has(&available) && !has(&given) {
            write(
                &group.join("cgroup.subtree_control"),
                &format!("+{controller}"),
            )?;
        }
    }
    Ok(())
}

pub(super) fn set(group: &Path, resources: &Resources) -> io::Result<()> {
    if resources.cpu_shares != 0 {
        write(
            &group.join("cpu.weight"),
            &weight_of_shares(resources.cpu_shares).to_string(),
        )?;
    }
    if resources.cpu_quota != 0 {
        let period = if resources.cpu_period == 0 {
            100_000
        } else {
            resources.cpu_period
        };
        write(
            &group.join("cpu.max"),
            &format!("{} {period}", max_below_zero(resources.cpu_quota)),
        )?;
    }
    if resources.memory_limit != 0 {
        write(
            &group.join("memory.max"),
            &max_below_zero(resources.memory_limit),
        )?;
    }
    if resources.memory_limit > 0 {
        // One process out of memory takes its container with it, as the kubelet asks for on version 2.
        let _ = write(&group.join("memory.oom.group"), "1");
    }
    if resources.pids_limit != 0 {
        write(
            &group.join("pids.max"),
            &max_below_zero(resources.pids_limit),
        )?;
    }
    Ok(())
}

fn max_below_zero(value: i64) -> String {
    if value < 0 {
        "max".to_owned()
    } else {
        value.to_string()
    }
}

pub(super) fn join(group: &Path) -> io::Result<()> {
    write(&group.join("cgroup.procs"), "0")
}

pub(super) fn kill(group: &Path) -> io::Result<()> {
    match write(&group.join("cgroup.kill"), "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn oom_kills(group: &Path) -> u64 {
    field(&group.join("memory.events"), "oom_kill").unwrap_or(0)
}

pub(super) fn usage(group: &Path) -> Option<Usage> {
    let microseconds = field(&group.join("cpu.stat"), "usage_usec")?;
    let used = number(&group.join("memory.current")).unwrap_or(0);
    let inactive = field(&group.join("memory.stat"), "inactive_file").unwrap_or(0);
    Some(Usage {
        memory: used.saturating_sub(inactive),
        cpu: microseconds * 1000,
    })
}
