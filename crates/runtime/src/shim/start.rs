//! Containers and processes on their way: a forked child makes them and then tells.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::container::Container;
use super::create::{self, Created, Made, ProcessStreams};
use super::exec::ExecProcess;
use super::fork::fork_with;
use super::server::Shim;
use super::streams::{pipe_in, pipe_out, set_nonblocking};
use super::{ExecRequest, Failure, FrameReader, Message, Outcome, StartRequest, encode, send_some};
use crate::cgroup::Cgroup;
use crate::logs::LogWriter;

/// A child at work.
pub(super) struct Creation {
    channel: UnixStream,
    reader: FrameReader,
    /// Whom to answer: connection and request.
    asker: (u64, u64),
    what: What,
}

enum What {
    Container(Box<Container>),
    Exec(ExecProcess),
}

impl Creation {
    pub(super) fn channel(&self) -> &UnixStream {
        &self.channel
    }

    pub(super) fn is_for(&self, id: &str) -> bool {
        matches!(&self.what, What::Container(container) if container.request.container_id == id)
    }
}

impl Shim {
    /// Begins to make a container.
    pub(super) fn start(
        &mut self,
        asker: (u64, u64),
        request: StartRequest,
    ) -> Result<(), Failure> {
        let exists = self
            .containers
            .iter()
            .any(|container| container.request.container_id == request.container_id);
        if exists
            || self
                .creations
                .iter()
                .any(|creation| creation.is_for(&request.container_id))
        {
            return Err(Failure::new(format!(
                "container {} was started before",
                request.container_id
            )));
        }
        let context =
            |what: &'static str| move |error: io::Error| Failure::new(format!("{what}: {error}"));
        let cgroup =
            Cgroup::new(self.hierarchy.clone(), &request.cgroup).map_err(context("cgroup"))?;
        let log = LogWriter::open(&request.log_path).map_err(context("open the log"))?;
        let mut container = Box::new(Container::new(request, cgroup, log));
        let mut theirs = ProcessStreams::default();
        if !container.request.process.terminal {
            let ((stdout, their_stdout), (stderr, their_stderr)) = (
                pipe_in().map_err(context("pipe"))?,
                pipe_in().map_err(context("pipe"))?,
            );
            (theirs.stdout, theirs.stderr) = (Some(their_stdout), Some(their_stderr));
            let mut stdin = None;
            if container.request.stdin {
                let (their_stdin, ours) = pipe_out().map_err(context("pipe"))?;
                (theirs.stdin, stdin) = (Some(their_stdin), Some(ours));
            }
            container.set_streams(stdin, Some(stdout), Some(stderr));
        }
        let (ours, channel) = channel().map_err(context("socket pair"))?;
        let (request, cgroup) = (&container.request, &container.cgroup);
        let born_in = cgroup.open_for_clone().map_err(context("open cgroup"))?;
        fork_with(born_in.as_ref(), || {
            tell(&channel, create::container(request, cgroup, theirs))
        })
        .map_err(context("fork"))?;
        self.creations.push(Creation {
            channel: ours,
            reader: FrameReader::default(),
            asker,
            what: What::Container(container),
        });
        Ok(())
    }

    /// Begins to add a process to a container. `streams` are the process' own.
    pub(super) fn exec(
        &mut self,
        asker: (u64, u64),
        request: ExecRequest,
        streams: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        let container = self.running(&request.container_id)?;
        let mut descriptors = streams.into_iter();
        let mut next = |wanted: bool| {
            if wanted && !request.terminal {
                descriptors.next()
            } else {
                None
            }
        };
        let theirs = ProcessStreams {
            stdin: next(request.stdin),
            stdout: next(request.stdout),
            stderr: next(request.stderr),
        };
        let context =
            |what: &'static str| move |error: io::Error| Failure::new(format!("{what}: {error}"));
        let (ours, channel) = channel().map_err(context("socket pair"))?;
        let born_in = container
            .cgroup
            .open_for_clone()
            .map_err(context("open cgroup"))?;
        fork_with(born_in.as_ref(), || {
            tell(
                &channel,
                create::exec(&request, &container.request, &container.cgroup, theirs),
            )
        })
        .map_err(context("fork"))?;
        let process = ExecProcess {
            exec_id: request.exec_id,
            connection: asker.0,
            pid: 0,
        };
        self.creations.push(Creation {
            channel: ours,
            reader: FrameReader::default(),
            asker,
            what: What::Exec(process),
        });
        Ok(())
    }

    /// A child told something or ended.
    pub(super) fn created(&mut self, index: usize) {
        let creation = &mut self.creations[index];
        let more = creation.reader.fill(creation.channel.as_fd());
        if matches!(&more, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            return;
        }
        let told = creation
            .reader
            .next()
            .ok()
            .flatten()
            .and_then(|frame| serde_json::from_slice::<Created>(&frame).ok());
        let created = match (told, more) {
            (Some(created), _) => created,
            (None, Ok(true)) => return,
            // It died: killed for memory, most likely, by the container's limit.
            (None, _) => Created {
                outcome: Err(Failure::new(
                    "the process that makes the container was killed; is its memory limit too low?",
                )),
                console: false,
            },
        };
        let mut creation = self.creations.swap_remove(index);
        let console = creation
            .reader
            .take_descriptors(usize::from(created.console))
            .ok()
            .and_then(|mut all| all.pop());
        let (connection, id) = creation.asker;
        let (outcome, console) = match (created.outcome, creation.what) {
            (Ok(pid), What::Container(container)) => {
                (self.container_runs(*container, pid, console), None)
            }
            (Ok(pid), What::Exec(process)) => (Ok(self.exec_runs(process, pid)), console),
            (Err(failure), What::Container(container)) => {
                // What was made of it waits to be started.
                let _ = container.cgroup.kill();
                (Err(failure), None)
            }
            (Err(failure), What::Exec(_)) => (Err(failure), None),
        };
        let failed_or_late = self.creations.is_empty();
        self.answer(
            connection,
            &Message::Answer {
                id,
                descriptors: usize::from(console.is_some()),
                outcome,
            },
            console.as_ref(),
        );
        self.settle_early_exits();
        if failed_or_late {
            self.early_exits.clear();
        }
    }

    fn container_runs(
        &mut self,
        mut container: Container,
        pid: i32,
        console: Option<OwnedFd>,
    ) -> Result<Outcome, Failure> {
        container.pid = pid;
        container.started_at = super::reap::now();
        if let Some(master) = console {
            let input = if container.request.stdin {
                master.try_clone()
            } else {
                Err(io::ErrorKind::Unsupported.into())
            };
            set_nonblocking(&master).map_err(|error| Failure::new(error.to_string()))?;
            container.set_streams(input.ok(), Some(master), None);
        }
        let outcome = Outcome::Started {
            pid,
            started_at: container.started_at,
        };
        if self.stopping {
            // It came too late to be killed with the others.
            let _ = container.cgroup.kill();
        }
        self.containers.push(container);
        Ok(outcome)
    }
}

fn channel() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((ours, theirs))
}

/// In the child: tells the outcome.
fn tell(channel: &UnixStream, outcome: Made) -> i32 {
    let (outcome, console) = match outcome {
        Ok((pid, console)) => (Ok(pid), console),
        Err(failure) => (Err(failure), None),
    };
    let created = Created {
        outcome,
        console: console.is_some(),
    };
    let descriptors: Vec<_> = console.iter().map(AsRawFd::as_raw_fd).collect();
    let sent = encode(&created).and_then(|frame| send_some(channel.as_fd(), &frame, &descriptors));
    i32::from(sent.is_err())
}
