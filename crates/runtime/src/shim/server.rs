//! The loop: waits for whatever may happen, and does what it calls for.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::Message;
use super::connection::Connection;
use super::container::{CHUNK, Container};
use super::exec::ExecProcess;
use super::reap::Ended;
use super::start::Creation;
use crate::cgroup::Hierarchy;
use crate::logs::Stamp;

/// Agents that may be connected at a time: one, and one that has not noticed that the other is gone, and some patience.
const MAX_CONNECTIONS: usize = 8;

pub(super) struct Shim {
    listener: UnixListener,
    signals: SignalFd,
    pub(super) hierarchy: Hierarchy,
    /// Process 1 of the shared process namespace.
    pub(super) init: Option<Pid>,
    connections: Vec<Connection>,
    next_connection: u64,
    pub(super) containers: Vec<Container>,
    pub(super) execs: Vec<ExecProcess>,
    pub(super) creations: Vec<Creation>,
    pub(super) early_exits: VecDeque<Ended>,
    pub(super) buffer: Vec<u8>,
    pub(super) stamp: Stamp,
    pub(super) stopping: bool,
}

/// What a descriptor that became ready belongs to. Numbers are indices.
#[derive(Debug, Clone, Copy)]
enum Source {
    Signals,
    Listener,
    Connection(usize),
    Creation(usize),
    Output {
        container: usize,
        stream: usize,
    },
    Input {
        container: usize,
    },
    AttachedInput {
        container: usize,
        attachment: usize,
    },
    AttachedOutput {
        container: usize,
        attachment: usize,
        stream: usize,
    },
}

impl Shim {
    pub(super) fn new(
        listener: UnixListener,
        hierarchy: Hierarchy,
        init: Option<Pid>,
    ) -> io::Result<Self> {
        let mut children = SigSet::empty();
        children.add(Signal::SIGCHLD);
        children.thread_block()?;
        let signals =
            SignalFd::with_flags(&children, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            listener,
            signals,
            hierarchy,
            init,
            connections: Vec::new(),
            next_connection: 0,
            containers: Vec::new(),
            execs: Vec::new(),
            creations: Vec::new(),
            early_exits: VecDeque::new(),
            buffer: vec![0; 2 * CHUNK],
            stamp: Stamp::default(),
            stopping: false,
        })
    }

    pub(super) fn serve(mut self) -> io::Result<()> {
        while !self.is_done() {
            let ready = self.wait()?;
            for (source, flags) in ready {
                self.react(source, flags);
            }
            self.connections
                .retain(|connection| !connection.is_broken());
            self.containers.iter_mut().for_each(Container::sweep);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let told = self
            .connections
            .iter()
            .all(|connection| !connection.wants_to_write());
        self.stopping
            && told
            && self.creations.is_empty()
            && self
                .containers
                .iter()
                .all(|container| container.exit.is_some())
    }

    fn wait(&self) -> io::Result<Vec<(Source, PollFlags)>> {
        let mut sources = Vec::new();
        let mut descriptors = Vec::new();
        self.register(|source, descriptor, flags| {
            sources.push(source);
            descriptors.push(PollFd::new(descriptor, flags));
        });
        match poll(&mut descriptors, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = descriptors
            .iter()
            .map(|descriptor| descriptor.revents().unwrap_or(PollFlags::empty()));
        Ok(sources
            .into_iter()
            .zip(flags)
            .filter(|(_, flags)| !flags.is_empty())
            .collect())
    }

    fn register<'a>(&'a self, mut add: impl FnMut(Source, BorrowedFd<'a>, PollFlags)) {
        // In the order in which they are served: output before the signal that its process has ended.
        for (index, container) in self.containers.iter().enumerate() {
            register_container(index, container, &mut add);
        }
        for (index, creation) in self.creations.iter().enumerate() {
            add(
                Source::Creation(index),
                creation.channel().as_fd(),
                PollFlags::POLLIN,
            );
        }
        for (index, connection) in self.connections.iter().enumerate() {
            let write = if connection.wants_to_write() {
                PollFlags::POLLOUT
            } else {
                PollFlags::empty()
            };
            add(
                Source::Connection(index),
                connection.stream().as_fd(),
                PollFlags::POLLIN | write,
            );
        }
        if self.connections.len() < MAX_CONNECTIONS {
            add(Source::Listener, self.listener.as_fd(), PollFlags::POLLIN);
        }
        add(Source::Signals, self.signals.as_fd(), PollFlags::POLLIN);
    }

    fn react(&mut self, source: Source, flags: PollFlags) {
        match source {
            Source::Signals => {
                while matches!(self.signals.read_signal(), Ok(Some(_))) {}
                self.reap();
            }
            Source::Listener => self.accept(),
            Source::Connection(index) => self.serve_connection(index, flags),
            Source::Creation(index) if index < self.creations.len() => self.created(index),
            Source::Creation(_) => {}
            Source::Output { container, stream } => {
                self.containers[container].read(stream, &mut self.buffer, &mut self.stamp);
            }
            Source::Input { container } => self.containers[container].flush_input(),
            Source::AttachedInput {
                container,
                attachment,
            } => self.containers[container].read_input(attachment, &mut self.buffer),
            Source::AttachedOutput {
                container,
                attachment,
                stream,
            } => {
                if let Some(attachment) = self.containers[container].attachments.get_mut(attachment)
                {
                    if flags.contains(PollFlags::POLLOUT) {
                        attachment.flush(stream);
                    } else {
                        attachment.close(stream);
                    }
                }
            }
        }
    }

    fn accept(&mut self) {
        if let Ok((stream, _)) = self.listener.accept()
            && let Ok(connection) = Connection::new(self.next_connection, stream)
        {
            self.next_connection += 1;
            self.connections.push(connection);
        }
    }

    fn serve_connection(&mut self, index: usize, flags: PollFlags) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if flags.contains(PollFlags::POLLOUT) {
            connection.flush();
        }
        if flags.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
            let id = connection.id;
            for (envelope, descriptors) in connection.receive() {
                self.handle(id, envelope, descriptors);
            }
        }
    }

    /// Sends to one connection, if it is still there.
    pub(super) fn answer(
        &mut self,
        connection: u64,
        message: &Message,
        descriptor: Option<&OwnedFd>,
    ) {
        if let Some(connection) = self
            .connections
            .iter_mut()
            .find(|other| other.id == connection)
        {
            connection.send(message, descriptor);
        }
    }

    pub(super) fn tell_all(&mut self, message: &Message) {
        for connection in &mut self.connections {
            connection.send(message, None);
        }
    }
}

fn register_container<'a>(
    index: usize,
    container: &'a Container,
    add: &mut impl FnMut(Source, BorrowedFd<'a>, PollFlags),
) {
    for stream in 0..2 {
        if let Some(output) = container.readable(stream) {
            add(
                Source::Output {
                    container: index,
                    stream,
                },
                output.as_fd(),
                PollFlags::POLLIN,
            );
        }
    }
    if let Some(input) = container.input_waits() {
        add(
            Source::Input { container: index },
            input.as_fd(),
            PollFlags::POLLOUT,
        );
    }
    for (position, attachment) in container.attachments.iter().enumerate() {
        if let (Some(stdin), true) = (&attachment.stdin, container.takes_input()) {
            add(
                Source::AttachedInput {
                    container: index,
                    attachment: position,
                },
                stdin.as_fd(),
                PollFlags::POLLIN,
            );
        }
        for stream in 0..2 {
            let source = Source::AttachedOutput {
                container: index,
                attachment: position,
                stream,
            };
            if let Some(pipe) = attachment.waiting(stream) {
                add(source, pipe, PollFlags::POLLOUT);
            } else if let Some(pipe) = attachment.watched(stream) {
                // Only errors are reported: the reader is gone.
                add(source, pipe, PollFlags::empty());
            }
        }
    }
}
