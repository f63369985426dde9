//! Waiting for the end of a process, but not for ever.

use std::process::{Child, ExitStatus, Output};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// The longest that a program may take to end, on a busy machine.
const END: Duration = Duration::from_secs(60);

/// Waits for the end of a child.
///
/// # Panics
/// When it does not end: with what its threads wait for. It is killed.
pub(crate) fn status(child: &mut Child) -> ExitStatus {
    has_ended(child);
    child.wait().unwrap()
}

/// The same for one whose output is read here, which must be no more than pipes hold.
pub(crate) fn output(mut child: Child) -> Output {
    has_ended(&mut child);
    child.wait_with_output().unwrap()
}

fn has_ended(child: &mut Child) {
    let pid = Pid::from_raw(child.id().cast_signed());
    let (sender, ended) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // It stays a zombie, for the caller to wait for.
        let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        let _ = sender.try_send(());
    });
    if ended.recv_timeout(END).is_err() {
        let threads = threads(pid);
        let _ = kill(pid, Signal::SIGKILL);
        let _ = child.wait();
        assert!(std::thread::panicking(), "{pid} does not end\n{threads}");
    }
}

/// A line each: the thread's name and where in the kernel it waits.
fn threads(pid: Pid) -> String {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return String::new();
    };
    let lines = tasks.flatten().map(|task| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        format!("{} {}\n", read("comm").trim(), read("wchan"))
    });
    lines.collect()
}
