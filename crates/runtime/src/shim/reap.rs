//! Children that ended.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::exit_file::write_exit;
use super::server::Shim;
use super::{Event, ExitRecord, Message};

/// Nanoseconds since the epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// How a process ended: exit code and signal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pid: i32,
    code: i32,
    signal: i32,
}

/// Ends that are kept while something is being made, whose process ids are not known yet. More only come where a container's orphans fall
/// to us by the hundred in these milliseconds; the oldest go.
const MAX_EARLY: usize = 1024;

impl Shim {
    pub(super) fn reap(&mut self) {
        loop {
            let ended = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => Ended {
                    pid: pid.as_raw(),
                    code,
                    signal: 0,
                },
                Ok(WaitStatus::Signaled(pid, signal, _)) => Ended {
                    pid: pid.as_raw(),
                    code: 128 + signal as i32,
                    signal: signal as i32,
                },
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            if !self.settle(ended) && !self.creations.is_empty() {
                if self.early_exits.len() == MAX_EARLY {
                    self.early_exits.pop_front();
                }
                self.early_exits.push_back(ended);
            }
        }
    }

    /// Takes up ends that came before it was known whose they are.
    pub(super) fn settle_early_exits(&mut self) {
        for ended in std::mem::take(&mut self.early_exits) {
            if !self.settle(ended) {
                self.early_exits.push_back(ended);
            }
        }
    }

    fn settle(&mut self, ended: Ended) -> bool {
        if let Some(index) = self
            .execs
            .iter()
            .position(|process| process.pid == ended.pid)
        {
            self.exec_exited(index, ended.code);
            return true;
        }
        let running = |container: &super::container::Container| {
            container.pid == ended.pid && container.exit.is_none()
        };
        let Some(index) = self.containers.iter().position(running) else {
            return false;
        };
        self.container_exited(index, ended);
        true
    }

    fn container_exited(&mut self, index: usize, ended: Ended) {
        let container = &mut self.containers[index];
        // What it left behind in a process namespace that goes on without it.
        let _ = container.cgroup.kill();
        let record = ExitRecord {
            started_at: container.started_at,
            finished_at: now(),
            code: ended.code,
            signal: ended.signal,
            oom_killed: container.cgroup.oom_kills() > 0,
        };
        // On disk before anybody is told. If the disk is full we still tell, and the agent keeps it.
        let _ = write_exit(&container.request.exit_path, &record);
        container.exit = Some(record.clone());
        container.drain(&mut self.buffer, &mut self.stamp);
        let event = Message::Event(Event::Exited {
            container_id: container.request.container_id.clone(),
            exit: record,
        });
        self.tell_all(&event);
    }
}
