//! Programs that an earlier process of ours has begun, and that it was killed before: what they still do must not come after what undoes it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long they may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an environment is looked at: ours has a few variables, of which one may be long.
const MAX_ENVIRONMENT: u64 = 256 << 10;
/// The longest wait for one.
const WAIT_MS: u16 = 1000;

/// Kills all processes that are told this, by their environment, which those that they begin have as well; and waits until there is none. Blocks.
pub(super) fn end(name: &str, value: &OsStr) -> io::Result<()> {
    let told = [name.as_bytes(), b"=", value.as_bytes()].concat();
    let begun = Instant::now();
    loop {
        let left = of(&told)?;
        if left.is_empty() {
            return Ok(());
        }
        for process in left {
            kill(&process);
            let mut ended = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            poll(&mut ended, PollTimeout::from(WAIT_MS))?;
        }
        if begun.elapsed() > PATIENCE {
            return Err(io::Error::other("an earlier run of a plugin does not end"));
        }
    }
}

/// Processes that have this variable.
fn of(variable: &[u8]) -> io::Result<Vec<OwnedFd>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse::<i32>().ok());
        // Opened first: it is the same process that is looked at.
        let Some(process) = pid.and_then(open) else {
            continue;
        };
        let environment = environment(&entry.path()).unwrap_or_default();
        if environment.split(|it| *it == 0).any(|it| it == variable) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Where it is and how long, a process says of itself: what is longer than what we give to plugins is not ours.
fn environment(process: &Path) -> io::Result<Vec<u8>> {
    let mut environment = Vec::new();
    let file = File::open(process.join("environ"))?;
    file.take(MAX_ENVIRONMENT).read_to_end(&mut environment)?;
    Ok(environment)
}

#[expect(unsafe_code, reason = "nix knows no descriptors of processes")]
fn open(pid: i32) -> Option<OwnedFd> {
    // SAFETY: the call takes two numbers and touches no memory.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let descriptor = i32::try_from(opened).ok().filter(|it| *it >= 0)?;
    // SAFETY: the kernel has just made the descriptor, and nobody else has it.
    Some(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[expect(unsafe_code, reason = "nix knows no descriptors of processes")]
fn kill(process: &OwnedFd) {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and where no information is given the kernel reads none.
    let _ = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            libc::SIGKILL,
            nothing,
            0,
        )
    };
}
