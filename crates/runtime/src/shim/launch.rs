//! The last step before a container's program: privileges are dropped, the filter is loaded, the program is found and executed.

use std::ffi::CString;
use std::io::Write;
use std::os::fd::{FromRawFd, RawFd};
use std::path::Path;

use libcontainer::capabilities::drop_privileges;
use libcontainer::oci_spec::runtime::{LinuxCapabilities, Spec};
use libcontainer::syscall::syscall::create_syscall;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use nix::errno::Errno;
use nix::libc;

use super::Failure;
use crate::spec::Process;

/// Runs in the container's first process, and in those of exec.
#[derive(Clone)]
pub(super) struct Launch {
    /// Where a [`Failure`] is written; closed by the kernel when the program starts.
    pub(super) report: RawFd,
    /// The bounding, effective and permitted set.
    pub(super) capabilities: LinuxCapabilities,
    /// A compiled filter.
    pub(super) seccomp: Option<Vec<u8>>,
    pub(super) no_new_privs: bool,
}

impl Executor for Launch {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let failure = match self.restrict() {
            Err(message) => Failure::new(message),
            Ok(()) => {
                let args = spec
                    .process()
                    .as_ref()
                    .and_then(|process| process.args().as_ref());
                execute(args.map(Vec::as_slice).unwrap_or_default())
            }
        };
        // SAFETY: the descriptor was opened for this process by its creator and is not used after.
        let mut report = unsafe { std::fs::File::from_raw_fd(self.report) };
        let message = serde_json::to_vec(&failure).unwrap_or_default();
        // Nobody is left to tell if this fails: the creator sees a process that ended.
        let _ = report.write_all(&message);
        Err(ExecutorError::Other(failure.message))
    }

    fn validate(&self, _spec: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }
}

impl Launch {
    /// Loading a filter takes `CAP_SYS_ADMIN` or `no_new_privs`; so it comes first, unless the latter holds.
    fn restrict(&self) -> Result<(), String> {
        let drop = || {
            drop_privileges(&self.capabilities, create_syscall().as_ref())
                .map_err(|error| format!("drop capabilities: {error}"))
        };
        if self.no_new_privs {
            drop()?;
            self.load_filter()
        } else {
            self.load_filter()?;
            drop()
        }
    }

    fn load_filter(&self) -> Result<(), String> {
        let Some(program) = &self.seccomp else {
            return Ok(());
        };
        // The bytes may lie at any address; instructions may not.
        let mut instructions: Vec<libc::sock_filter> = program
            .chunks_exact(8)
            .map(|raw| libc::sock_filter {
                code: u16::from_ne_bytes([raw[0], raw[1]]),
                jt: raw[2],
                jf: raw[3],
                k: u32::from_ne_bytes([raw[4], raw[5], raw[6], raw[7]]),
            })
            .collect();
        let length = u16::try_from(instructions.len())
            .map_err(|_| "the seccomp filter is too long".to_owned())?;
        let filter = libc::sock_fprog {
            len: length,
            filter: instructions.as_mut_ptr(),
        };
        // SAFETY: `filter` points to `length` instructions that live through the call; the kernel checks the program itself.
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(format!("load seccomp filter: {}", Errno::last()))
        }
    }
}

/// The capability sets of a process, as libcontainer takes them.
pub(super) fn capability_sets(process: &Process) -> Result<LinuxCapabilities, serde_json::Error> {
    let names = &process.capabilities;
    serde_json::from_value(serde_json::json!({
        "bounding": names, "effective": names, "permitted": names, "inheritable": [], "ambient": [],
    }))
}

/// Becomes the program, or says why not.
fn execute(args: &[String]) -> Failure {
    let Some(name) = args.first() else {
        return Failure::new("no command specified");
    };
    let program = match find(name) {
        Ok(program) => program,
        Err(failure) => return failure,
    };
    let words: Result<Vec<CString>, _> = args
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect();
    let (Ok(path), Ok(words)) = (CString::new(program.as_bytes()), words) else {
        return Failure::new(format!("exec: {name:?}: invalid argument"));
    };
    let Err(error) = nix::unistd::execv(&path, &words);
    explain(name, error)
}

fn explain(name: &str, error: Errno) -> Failure {
    let code = match error {
        Errno::ENOENT => 127,
        Errno::EACCES | Errno::ENOEXEC | Errno::EISDIR => 126,
        _ => 128,
    };
    let text = match error {
        Errno::ENOENT => "no such file or directory".to_owned(),
        Errno::EACCES => "permission denied".to_owned(),
        Errno::ENOEXEC => "exec format error".to_owned(),
        Errno::EISDIR => "is a directory".to_owned(),
        other => other.desc().to_lowercase(),
    };
    Failure {
        code,
        message: format!("exec: {name:?}: {text}"),
    }
}

/// A name with a slash is a path; any other is looked for in the directories of `PATH`.
fn find(name: &str) -> Result<String, Failure> {
    if name.contains('/') {
        return match std::fs::metadata(name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure {
                code: 127,
                message: format!("exec: {name:?}: stat {name}: no such file or directory"),
            }),
            Ok(metadata) if metadata.is_dir() => Err(Failure {
                code: 126,
                message: format!("exec: {name:?}: is a directory"),
            }),
            _ => Ok(name.to_owned()),
        };
    }
    let mut denied = false;
    for directory in std::env::var("PATH").unwrap_or_default().split(':') {
        let candidate = Path::new(if directory.is_empty() { "." } else { directory }).join(name);
        if !candidate
            .metadata()
            .is_ok_and(|metadata| metadata.is_file())
        {
            continue;
        }
        if nix::unistd::access(&candidate, nix::unistd::AccessFlags::X_OK).is_ok() {
            return Ok(candidate.to_string_lossy().into_owned());
        }
        denied = true;
    }
    if denied {
        return Err(explain(name, Errno::EACCES));
    }
    Err(Failure {
        code: 127,
        message: format!("exec: {name:?}: executable file not found in $PATH"),
    })
}
