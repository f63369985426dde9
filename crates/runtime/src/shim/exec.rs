//! Processes that exec added.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::server::Shim;
use super::{Event, Message, Outcome};

pub(super) struct ExecProcess {
    pub(super) exec_id: String,
    /// Who asked for it, and is told.
    pub(super) connection: u64,
    pub(super) pid: i32,
}

impl Shim {
    pub(super) fn exec_runs(&mut self, mut process: ExecProcess, pid: i32) -> Outcome {
        process.pid = pid;
        self.execs.push(process);
        Outcome::Started {
            pid,
            started_at: super::reap::now(),
        }
    }

    pub(super) fn exec_exited(&mut self, index: usize, code: i32) {
        let process = self.execs.swap_remove(index);
        let event = Message::Event(Event::ExecExited {
            exec_id: process.exec_id,
            code,
        });
        self.answer(process.connection, &event, None);
    }

    /// Kills the process with its descendants.
    pub(super) fn kill_exec(&self, exec_id: &str) {
        if let Some(process) = self.execs.iter().find(|process| process.exec_id == exec_id) {
            kill_tree(process.pid);
        }
    }
}

/// How often the tree is gone through; a process that forks faster than that is stopped with its container.
const ROUNDS: u32 = 8;

/// Kills a process and its descendants: stopped from the root down so that none makes new ones, then killed.
fn kill_tree(root: i32) {
    let mut found = vec![root];
    for _ in 0..ROUNDS {
        let before = found.len();
        let mut index = 0;
        while index < found.len() {
            let _ = kill(Pid::from_raw(found[index]), Signal::SIGSTOP);
            for child in children(found[index]) {
                if !found.contains(&child) {
                    found.push(child);
                }
            }
            index += 1;
        }
        if found.len() == before {
            break;
        }
    }
    for pid in found {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// The children of all threads of a process.
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}
