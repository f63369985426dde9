//! From a fresh process to a serving shim.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::server::Shim;
use super::{SETUP_FILE, SOCKET, SandboxSetup};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::sandbox;

/// Sets up the sandbox in `directory` and serves until shut down.
pub(super) fn run(directory: &Path) -> io::Result<()> {
    std::env::set_current_dir(directory)?;
    let setup: SandboxSetup = serde_json::from_slice(&std::fs::read(SETUP_FILE)?)?;
    // Fails only for the leader of a group, which a shim started from a shell may be: no harm then.
    let _ = nix::unistd::setsid();
    nix::sys::prctl::set_child_subreaper(true)?;
    nix::sys::prctl::set_name(c"navarch-shim")?;
    // Among the last that the kernel kills for memory, where we may ask for that.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-998");
    join(&setup.hierarchy, &setup.shim_cgroup)?;
    let listener = UnixListener::bind(SOCKET)?;
    listener.set_nonblocking(true)?;
    let init = sandbox::make(&setup)?;
    let shim = Shim::new(listener, setup.hierarchy.clone(), init)?;
    report("ready");
    silence()?;
    // Requests wait in the socket.
    sandbox::complete(&setup)?;
    shim.serve()
}

/// Leaves the agent's cgroup, so that a service manager that stops the agent by its cgroup spares the shim. On version 2 a forked
/// child does the move, which takes a while, and asks it for its parent.
fn join(hierarchy: &Hierarchy, path: &Path) -> io::Result<()> {
    let cgroup = Cgroup::new(hierarchy.clone(), path)?;
    if matches!(hierarchy, Hierarchy::Legacy(_)) && cgroup.join().is_ok() {
        return Ok(());
    }
    cgroup.create()?;
    if cgroup.open_for_clone()?.is_none() {
        return cgroup.join();
    }
    let shim = nix::unistd::getpid();
    super::fork::fork_with(None, || i32::from(cgroup.adopt(shim.as_raw()).is_err()))?;
    Ok(())
}

/// Tells whoever started us, on one line.
pub(super) fn report(line: &str) {
    // If nobody listens there is nobody to tell.
    let _ = writeln!(io::stdout(), "{}", line.replace('\n', " "));
}

/// Lets go of the pipe to whoever started us.
fn silence() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    Ok(())
}
