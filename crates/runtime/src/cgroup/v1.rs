//! Version 1: a tree for each controller.

use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

use super::Usage;
use super::hierarchy::{Mounts, field, number, processes, write};
use crate::cri::Resources;

pub(super) fn create(mounts: &Mounts, path: &Path) -> io::Result<()> {
    for directory in mounts.directories(path) {
        std::fs::create_dir_all(&directory)?;
        if let (Some(memory), true) = (
            mounts.get("memory"),
            directory.join("memory.use_hierarchy").exists(),
        ) {
            // What a child uses counts for its parents too; the kernel's default where it still is a choice.
            let _ = write(&memory.join(path).join("memory.use_hierarchy"), "1");
        }
    }
    Ok(())
}

fn directory(mounts: &Mounts, controller: &str, path: &Path) -> Option<PathBuf> {
    mounts.get(controller).map(|mount| mount.join(path))
}

pub(super) fn set(mounts: &Mounts, path: &Path, resources: &Resources) -> io::Result<()> {
    if let Some(cpu) = directory(mounts, "cpu", path) {
        if resources.cpu_shares != 0 {
            write(
                &cpu.join("cpu.shares"),
                &resources.cpu_shares.max(2).to_string(),
            )?;
        }
        if resources.cpu_quota != 0 {
            let period = if resources.cpu_period == 0 {
                100_000
            } else {
                resources.cpu_period
            };
            write(&cpu.join("cpu.cfs_period_us"), &period.to_string())?;
            write(
                &cpu.join("cpu.cfs_quota_us"),
                &resources.cpu_quota.max(-1).to_string(),
            )?;
        }
    }
    if let (Some(memory), true) = (
        directory(mounts, "memory", path),
        resources.memory_limit != 0,
    ) {
        write(
            &memory.join("memory.limit_in_bytes"),
            &resources.memory_limit.max(-1).to_string(),
        )?;
    }
    if let (Some(pids), true) = (directory(mounts, "pids", path), resources.pids_limit != 0) {
        let limit = if resources.pids_limit < 0 {
            "max".to_owned()
        } else {
            resources.pids_limit.to_string()
        };
        write(&pids.join("pids.max"), &limit)?;
    }
    Ok(())
}

pub(super) fn limit_devices<'a>(
    mounts: &Mounts,
    path: &Path,
    mut allowed: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let Some(devices) = directory(mounts, "devices", path) else {
        return Ok(());
    };
    write(&devices.join("devices.deny"), "a")?;
    allowed.try_for_each(|rule| write(&devices.join("devices.allow"), rule))
}

/// Writes to `tasks`, not `cgroup.procs`: moving only the thread that asks takes no global lock, and the caller has but one.
pub(super) fn join(mounts: &Mounts, path: &Path) -> io::Result<()> {
    mounts
        .directories(path)
        .iter()
        .try_for_each(|directory| write(&directory.join("tasks"), "0"))
}

/// Kills what is there until nothing new is: frozen first, so that a fork bomb cannot outrun us.
pub(super) fn kill(mounts: &Mounts, path: &Path) -> io::Result<()> {
    let Some(group) =
        directory(mounts, "freezer", path).or_else(|| directory(mounts, "pids", path))
    else {
        return Ok(());
    };
    let state = group.join("freezer.state");
    let frozen = write(&state, "FROZEN").is_ok();
    for pid in processes(&group) {
        let _ = send(Pid::from_raw(pid), Signal::SIGKILL);
    }
    if frozen {
        write(&state, "THAWED")?;
    }
    Ok(())
}

pub(super) fn oom_kills(mounts: &Mounts, path: &Path) -> u64 {
    directory(mounts, "memory", path)
        .and_then(|memory| field(&memory.join("memory.oom_control"), "oom_kill"))
        .unwrap_or(0)
}

pub(super) fn usage(mounts: &Mounts, path: &Path) -> Option<Usage> {
    let memory = directory(mounts, "memory", path)?;
    let used = number(&memory.join("memory.usage_in_bytes"))?;
    let inactive = field(&memory.join("memory.stat"), "total_inactive_file").unwrap_or(0);
    let cpu = directory(mounts, "cpuacct", path)
        .and_then(|cpu| number(&cpu.join("cpuacct.usage")))
        .unwrap_or(0);
    Some(Usage {
        memory: used.saturating_sub(inactive),
        cpu,
    })
}
