//! Making containers and their processes through libcontainer, in a forked child of the shim.
//!
//! What libcontainer makes are children of the shim, not of this child: it is told to make siblings.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use super::group_view::show;
use super::launch::{Launch, capability_sets};
use super::{ExecRequest, Failure, FrameReader, StartRequest};
use crate::cgroup::Cgroup;
use crate::spec::Process;

/// What the child tells the shim.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Created {
    pub(super) outcome: Result<i32, Failure>,
    /// Whether a terminal's master comes with it.
    pub(super) console: bool,
}

/// The ends of the streams that the new process gets.
#[derive(Debug, Default)]
pub(super) struct ProcessStreams {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// A process id and, with a terminal, its master.
pub(super) type Made = Result<(i32, Option<OwnedFd>), Failure>;

/// Makes a container and starts it. The process id and, with a terminal, its master.
pub(super) fn container(request: &StartRequest, cgroup: &Cgroup, streams: ProcessStreams) -> Made {
    enter(cgroup)?;
    lower_oom_score(request.oom_score_adj);
    let console = Console::open(
        request.process.terminal,
        &request.state_root,
        &request.container_id,
    )?;
    let (report, launch) = launch(&request.process, request.seccomp.as_deref())?;
    let streams = owned_by(streams, &request.process)?;
    let builder = builder(
        &request.container_id,
        &request.state_root,
        launch,
        streams,
        console.as_ref(),
    )?;
    let made = builder
        .as_init(&request.bundle)
        .with_systemd(false)
        .as_sibling(true)
        .with_detach(true)
        .build();
    let made = made.and_then(|mut container| container.start().map(|()| container.pid()));
    let outcome = match made {
        Ok(Some(pid)) => Ok(pid.as_raw()),
        Ok(None) => Err(Failure::new("the container has no process")),
        Err(error) => Err(failed(error)),
    };
    finish(outcome, report, console)
}

/// Adds a process to a container: like its main one but for the command.
pub(super) fn exec(
    request: &ExecRequest,
    start: &StartRequest,
    cgroup: &Cgroup,
    streams: ProcessStreams,
) -> Made {
    enter(cgroup)?;
    lower_oom_score(start.oom_score_adj);
    let process = start
        .process
        .with_command(request.command.clone(), request.terminal);
    let console = Console::open(process.terminal, &start.state_root, &request.exec_id)?;
    let (report, launch) = launch(&process, start.seccomp.as_deref())?;
    let streams = owned_by(streams, &process)?;
    let file = start.state_root.join(format!("{}.json", request.exec_id));
    std::fs::write(&file, process.to_oci().to_string())
        .map_err(|error| Failure::new(error.to_string()))?;
    let builder = builder(
        &request.container_id,
        &start.state_root,
        launch,
        streams,
        console.as_ref(),
    )?;
    let made = builder
        .as_tenant()
        .with_process(Some(&file))
        .as_sibling(true)
        .with_detach(true)
        .build();
    // It has been read; what stays behind if the removal fails is removed with the run directory.
    let _ = std::fs::remove_file(&file);
    finish(
        made.map(|pid| pid.as_raw()).map_err(failed),
        report,
        console,
    )
}

fn builder(
    id: &str,
    state_root: &Path,
    launch: Launch,
    streams: ProcessStreams,
    console: Option<&Console>,
) -> Result<ContainerBuilder, Failure> {
    let mut builder = ContainerBuilder::new(id.to_owned(), SyscallType::Linux)
        .with_root_path(state_root)
        .map_err(failed)?
        .with_executor(launch)
        .with_console_socket(console.map(|console| console.path.clone()));
    (builder.stdin, builder.stdout, builder.stderr) =
        (streams.stdin, streams.stdout, streams.stderr);
    Ok(builder)
}

/// Joins the container's cgroup, and shows libcontainer and the container what they are to see of it.
fn enter(cgroup: &Cgroup) -> Result<(), Failure> {
    let context =
        |what: &str, error: &dyn std::fmt::Display| Failure::new(format!("{what}: {error}"));
    if cgroup
        .open_for_clone()
        .map_err(|error| context("open cgroup", &error))?
        .is_none()
    {
        cgroup
            .join()
            .map_err(|error| context("join cgroup", &error))?;
    }
    show(cgroup).map_err(|error| context("show the control groups", &error))
}

/// Without `CAP_SYS_RESOURCE` the score cannot be lowered. Such a node protects its pods less, but runs them.
fn lower_oom_score(score: i32) {
    let _ = std::fs::write("/proc/self/oom_score_adj", score.to_string());
}

/// A pipe that tells of a failed start, and what runs last before the program.
fn launch(
    process: &Process,
    seccomp: Option<&Path>,
) -> Result<((OwnedFd, OwnedFd), Launch), Failure> {
    let text = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| text(&error))?;
    let launch = Launch {
        report: write.as_raw_fd(),
        capabilities: capability_sets(process).map_err(|error| text(&error))?,
        seccomp: seccomp
            .map(std::fs::read)
            .transpose()
            .map_err(|error| Failure::new(format!("read seccomp filter: {error}")))?,
        no_new_privs: process.no_new_privs,
    };
    Ok(((read, write), launch))
}

/// The streams with `/dev/null` where none is given, owned by the container's user, who may then open `/dev/stdout` anew.
fn owned_by(streams: ProcessStreams, process: &Process) -> Result<ProcessStreams, Failure> {
    if process.terminal {
        return Ok(ProcessStreams::default());
    }
    let null = |write: bool| -> io::Result<OwnedFd> {
        Ok(std::fs::OpenOptions::new()
            .read(!write)
            .write(write)
            .open("/dev/null")?
            .into())
    };
    let prepare = |stream: Option<OwnedFd>, write: bool| -> io::Result<Option<OwnedFd>> {
        let Some(stream) = stream else {
            return null(write).map(Some);
        };
        nix::unistd::fchown(&stream, Some(process.uid.into()), Some(process.gid.into()))?;
        Ok(Some(stream))
    };
    let all = || -> io::Result<ProcessStreams> {
        Ok(ProcessStreams {
            stdin: prepare(streams.stdin, false)?,
            stdout: prepare(streams.stdout, true)?,
            stderr: prepare(streams.stderr, true)?,
        })
    };
    all().map_err(|error| Failure::new(format!("prepare standard streams: {error}")))
}

/// Waits until the program runs or its start has failed, and says which.
fn finish(
    outcome: Result<i32, Failure>,
    report: (OwnedFd, OwnedFd),
    console: Option<Console>,
) -> Made {
    let (read, write) = report;
    drop(write);
    let mut message = Vec::new();
    // An error reads as nothing reported.
    let _ = std::fs::File::from(read).read_to_end(&mut message);
    if let Ok(failure) = serde_json::from_slice::<Failure>(&message) {
        return Err(failure);
    }
    let pid = outcome?;
    let master = console
        .map(Console::receive)
        .transpose()
        .map_err(|error| Failure::new(format!("receive terminal: {error}")))?;
    Ok((pid, master))
}

/// All that an error of libcontainer has to say, but for the cleaning up of a cgroup that is none.
fn failed(error: impl std::error::Error) -> Failure {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = inner.source();
    }
    let message = message
        .split(". error during cleanup")
        .next()
        .unwrap_or(&message);
    Failure::new(message)
}

/// The socket over which libcontainer hands out a terminal's master.
struct Console {
    listener: UnixListener,
    path: std::path::PathBuf,
}

impl Console {
    fn open(wanted: bool, directory: &Path, id: &str) -> Result<Option<Self>, Failure> {
        if !wanted {
            return Ok(None);
        }
        let open = || -> io::Result<Self> {
            // By a short name, since a socket's name has a hundred bytes; this process' directory is nobody else's.
            std::env::set_current_dir(directory)?;
            let name = format!("{}.tty", &id[..id.len().min(24)]);
            Ok(Self {
                listener: UnixListener::bind(&name)?,
                path: directory.join(name),
            })
        };
        open()
            .map(Some)
            .map_err(|error| Failure::new(format!("open console socket: {error}")))
    }

    fn receive(self) -> io::Result<OwnedFd> {
        use std::os::fd::AsFd;
        let (stream, _) = self.listener.accept()?;
        let mut reader = FrameReader::default();
        reader.fill(stream.as_fd())?;
        let _ = std::fs::remove_file(&self.path);
        reader
            .take_descriptors(1)?
            .pop()
            .ok_or_else(|| io::Error::other("no terminal came"))
    }
}
