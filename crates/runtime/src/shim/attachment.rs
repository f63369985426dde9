//! Somebody attached to a container's streams.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::streams::{self, ReadOutcome};

/// One attach: pipes to and from the agent.
#[derive(Debug, Default)]
pub(super) struct Attachment {
    pub(super) stdin: Option<OwnedFd>,
    outputs: [Output; 2],
}

#[derive(Debug, Default)]
struct Output {
    pipe: Option<OwnedFd>,
    /// What did not fit the pipe yet. At most one read of the container's stream: while something waits here the stream is not read.
    waiting: Vec<u8>,
}

impl Attachment {
    pub(super) fn new(
        stdin: Option<OwnedFd>,
        stdout: Option<OwnedFd>,
        stderr: Option<OwnedFd>,
    ) -> std::io::Result<Self> {
        for pipe in [&stdin, &stdout, &stderr].into_iter().flatten() {
            streams::set_nonblocking(pipe)?;
        }
        let output = |pipe| Output {
            pipe,
            waiting: Vec::new(),
        };
        Ok(Self {
            stdin,
            outputs: [output(stdout), output(stderr)],
        })
    }

    /// Passes on what the container printed.
    pub(super) fn send(&mut self, stream: usize, bytes: &[u8]) {
        let output = &mut self.outputs[stream];
        if output.pipe.is_some() {
            output.waiting.extend_from_slice(bytes);
            output.flush();
        }
    }

    pub(super) fn flush(&mut self, stream: usize) {
        self.outputs[stream].flush();
    }

    /// The pipe of this stream, if bytes wait for it.
    pub(super) fn waiting(&self, stream: usize) -> Option<BorrowedFd<'_>> {
        let output = &self.outputs[stream];
        if output.waiting.is_empty() {
            None
        } else {
            output.pipe.as_ref().map(AsFd::as_fd)
        }
    }

    /// The pipe of this stream, to notice that its reader is gone.
    pub(super) fn watched(&self, stream: usize) -> Option<BorrowedFd<'_>> {
        self.outputs[stream].pipe.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn close(&mut self, stream: usize) {
        self.outputs[stream] = Output::default();
    }

    /// Nobody is at the other end, or the container is gone (`ended`) and all was passed on.
    pub(super) fn is_over(&self, ended: bool) -> bool {
        let open = self.outputs.iter().any(|output| output.pipe.is_some());
        let waiting = self.outputs.iter().any(|output| !output.waiting.is_empty());
        if ended {
            !waiting
        } else {
            !open && self.stdin.is_none()
        }
    }

    /// Reads what is to go to standard input.
    pub(super) fn read_stdin(&self, buffer: &mut [u8]) -> ReadOutcome {
        self.stdin
            .as_ref()
            .map_or(ReadOutcome::End, |stdin| streams::read(stdin, buffer))
    }
}

impl Output {
    fn flush(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        match streams::write(pipe, &self.waiting) {
            Ok(count) => drop(self.waiting.drain(..count)),
            Err(_) => *self = Self::default(),
        }
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }
}
