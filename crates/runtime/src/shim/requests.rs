//! What the agent asks for.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::attachment::Attachment;
use super::container::Container;
use super::server::Shim;
use super::{Envelope, Failure, Message, Outcome, Request};

/// Attachments at a time to one container.
const MAX_ATTACHMENTS: usize = 16;

impl Shim {
    pub(super) fn handle(
        &mut self,
        connection: u64,
        envelope: Envelope,
        descriptors: Vec<OwnedFd>,
    ) {
        let id = envelope.id;
        let asker = (connection, id);
        let outcome = match envelope.request {
            // These two answer when the child has told.
            Request::Start(request) => match self.start(asker, *request) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
            Request::Exec(request) => match self.exec(asker, *request, descriptors) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
            Request::Signal {
                container_id,
                signal,
            } => self.signal(&container_id, signal),
            Request::KillAll { container_id } => {
                if let Some(container) = self.find(&container_id) {
                    // A frozen or vanished group is found out by the agent, who waits for the end.
                    let _ = container.cgroup.kill();
                }
                Ok(Outcome::Done)
            }
            Request::KillExec { exec_id } => {
                self.kill_exec(&exec_id);
                Ok(Outcome::Done)
            }
            Request::Attach {
                container_id,
                stdin,
                stdout,
                stderr,
            } => self.attach(&container_id, [stdin, stdout, stderr], descriptors),
            Request::Resize {
                container_id,
                width,
                height,
            } => self.resize(&container_id, width, height),
            Request::ReopenLog { container_id } => self.reopen_log(&container_id),
            Request::List => Ok(Outcome::Containers(
                self.containers.iter().map(Container::status).collect(),
            )),
            Request::Forget { container_id } => {
                self.containers.retain(|container| {
                    container.exit.is_none() || container.request.container_id != container_id
                });
                Ok(Outcome::Done)
            }
            Request::Shutdown => {
                self.shut_down();
                Ok(Outcome::Done)
            }
        };
        self.answer(
            connection,
            &Message::Answer {
                id,
                descriptors: 0,
                outcome,
            },
            None,
        );
    }

    pub(super) fn find(&mut self, id: &str) -> Option<&mut Container> {
        self.containers
            .iter_mut()
            .find(|container| container.request.container_id == id)
    }

    pub(super) fn running(&mut self, id: &str) -> Result<&mut Container, Failure> {
        match self.find(id) {
            Some(container) if container.exit.is_none() => Ok(container),
            _ => Err(Failure::new(format!("container {id} is not running"))),
        }
    }

    fn signal(&mut self, id: &str, signal: i32) -> Result<Outcome, Failure> {
        if let Ok(container) = self.running(id) {
            let pid = Pid::from_raw(container.pid);
            let result = match Signal::try_from(signal) {
                Ok(signal) => kill(pid, signal),
                Err(_) => {
                    // A real-time signal, which the enumeration has not.
                    // SAFETY: kill(2) takes plain numbers; a wrong signal is an error.
                    let result = unsafe { libc::kill(pid.as_raw(), signal) };
                    nix::errno::Errno::result(result).map(drop)
                }
            };
            result.map_err(|error| Failure::new(format!("signal {signal}: {error}")))?;
        }
        Ok(Outcome::Done)
    }

    fn attach(
        &mut self,
        id: &str,
        wanted: [bool; 3],
        descriptors: Vec<OwnedFd>,
    ) -> Result<Outcome, Failure> {
        let container = self.running(id)?;
        if container.attachments.len() == MAX_ATTACHMENTS {
            return Err(Failure::new("too many are attached to the container"));
        }
        let mut descriptors = descriptors.into_iter();
        let [stdin, stdout, stderr] =
            wanted.map(|wanted| if wanted { descriptors.next() } else { None });
        // With nothing to go to, input is refused by closing its pipe.
        let stdin = if container.stdin.is_some() {
            stdin
        } else {
            None
        };
        let attachment = Attachment::new(stdin, stdout, stderr)
            .map_err(|error| Failure::new(error.to_string()))?;
        container.attachments.push(attachment);
        Ok(Outcome::Done)
    }

    fn resize(&mut self, id: &str, width: u16, height: u16) -> Result<Outcome, Failure> {
        let container = self.running(id)?;
        let terminal = container
            .terminal()
            .ok_or_else(|| Failure::new("the container has no terminal"))?;
        let size = libc::winsize {
            ws_row: height,
            ws_col: width,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the descriptor is open and `size` is what this request reads.
        let result =
            unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        nix::errno::Errno::result(result)
            .map_err(|error| Failure::new(format!("resize: {error}")))?;
        Ok(Outcome::Done)
    }

    fn reopen_log(&mut self, id: &str) -> Result<Outcome, Failure> {
        let container = self
            .find(id)
            .ok_or_else(|| Failure::new(format!("container {id} is not here")))?;
        container
            .log
            .reopen()
            .map_err(|error| Failure::new(format!("reopen the log: {error}")))?;
        Ok(Outcome::Done)
    }

    /// Kills everything; the loop ends when the last container has.
    fn shut_down(&mut self) {
        self.stopping = true;
        for container in self
            .containers
            .iter()
            .filter(|container| container.exit.is_none())
        {
            let _ = container.cgroup.kill();
        }
        if let Some(init) = self.init {
            let _ = kill(init, Signal::SIGKILL);
        }
    }
}
