//! A container as its shim keeps it.

use std::os::fd::{AsFd, OwnedFd};

use super::attachment::Attachment;
use super::streams::{self, ReadOutcome};
use super::{ContainerStatus, ExitRecord, StartRequest};
use crate::cgroup::Cgroup;
use crate::logs::{LineBuffer, LogWriter, Stamp, StreamName};

/// Bytes that are read of a stream at once, and kept of standard input that the process does not take.
pub(super) const CHUNK: usize = 16 * 1024;

pub(super) struct Container {
    pub(super) request: StartRequest,
    pub(super) cgroup: Cgroup,
    pub(super) pid: i32,
    pub(super) started_at: i64,
    pub(super) exit: Option<ExitRecord>,
    pub(super) attachments: Vec<Attachment>,
    /// Standard input or the terminal.
    pub(super) stdin: Option<OwnedFd>,
    stdin_waiting: Vec<u8>,
    /// Standard output (or the terminal) and standard error.
    outputs: [Option<OwnedFd>; 2],
    lines: [LineBuffer; 2],
    pub(super) log: LogWriter,
}

impl Container {
    pub(super) fn new(request: StartRequest, cgroup: Cgroup, log: LogWriter) -> Self {
        Self {
            request,
            cgroup,
            pid: 0,
            started_at: 0,
            exit: None,
            attachments: Vec::new(),
            stdin: None,
            stdin_waiting: Vec::new(),
            outputs: [None, None],
            lines: [
                LineBuffer::new(StreamName::Stdout),
                LineBuffer::new(StreamName::Stderr),
            ],
            log,
        }
    }

    pub(super) fn set_streams(
        &mut self,
        stdin: Option<OwnedFd>,
        stdout: Option<OwnedFd>,
        stderr: Option<OwnedFd>,
    ) {
        self.stdin = stdin;
        self.outputs = [stdout, stderr];
    }

    pub(super) fn status(&self) -> ContainerStatus {
        ContainerStatus {
            container_id: self.request.container_id.clone(),
            pid: self.pid,
            started_at: self.started_at,
            exit: self.exit.clone(),
        }
    }

    /// The stream to read now: not while somebody attached has not taken what was read before.
    pub(super) fn readable(&self, stream: usize) -> Option<&OwnedFd> {
        let held = self
            .attachments
            .iter()
            .any(|attachment| attachment.waiting(stream).is_some());
        if held {
            None
        } else {
            self.outputs[stream].as_ref()
        }
    }

    /// Reads once and passes on. `false` when nothing came.
    pub(super) fn read(&mut self, stream: usize, buffer: &mut [u8], stamp: &mut Stamp) -> bool {
        let Some(source) = &self.outputs[stream] else {
            return false;
        };
        match streams::read(source, buffer) {
            ReadOutcome::Bytes(count) => {
                let mut entries = Vec::with_capacity(count + 128);
                self.lines[stream].push(&buffer[..count], stamp, &mut entries);
                self.write_log(&entries);
                for attachment in &mut self.attachments {
                    attachment.send(stream, &buffer[..count]);
                }
                true
            }
            ReadOutcome::Nothing => false,
            ReadOutcome::End => {
                self.close(stream, stamp);
                false
            }
        }
    }

    fn close(&mut self, stream: usize, stamp: &mut Stamp) {
        let mut entries = Vec::new();
        self.lines[stream].finish(stamp, &mut entries);
        self.write_log(&entries);
        self.outputs[stream] = None;
    }

    /// A full disk must not stop the process: what cannot be written is lost, as with every other runtime.
    fn write_log(&mut self, entries: &[u8]) {
        if !entries.is_empty() {
            let _ = self.log.write(entries);
        }
    }

    /// The main process has ended: takes what it left in its pipes, then closes them.
    pub(super) fn drain(&mut self, buffer: &mut [u8], stamp: &mut Stamp) {
        for stream in 0..2 {
            while self.read(stream, buffer, stamp) {}
            self.close(stream, stamp);
        }
        self.stdin = None;
        self.stdin_waiting = Vec::new();
        for attachment in &mut self.attachments {
            attachment.stdin = None;
        }
        self.sweep();
    }

    /// Whether somebody's input may be read: what came before has gone on.
    pub(super) fn takes_input(&self) -> bool {
        self.stdin.is_some() && self.stdin_waiting.is_empty()
    }

    pub(super) fn input_waits(&self) -> Option<&OwnedFd> {
        if self.stdin_waiting.is_empty() {
            None
        } else {
            self.stdin.as_ref()
        }
    }

    /// Takes what attachment `index` has for standard input.
    pub(super) fn read_input(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(attachment) = self.attachments.get_mut(index) else {
            return;
        };
        let limit = buffer.len().min(CHUNK);
        match attachment.read_stdin(&mut buffer[..limit]) {
            ReadOutcome::Bytes(count) => {
                self.stdin_waiting.extend_from_slice(&buffer[..count]);
                self.flush_input();
            }
            ReadOutcome::Nothing => {}
            ReadOutcome::End => {
                attachment.stdin = None;
                if self.request.stdin_once && !self.request.process.terminal {
                    self.stdin = None;
                }
            }
        }
    }

    pub(super) fn flush_input(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        match streams::write(&stdin.as_fd(), &self.stdin_waiting) {
            Ok(count) => drop(self.stdin_waiting.drain(..count)),
            Err(_) => {
                self.stdin = None;
                self.stdin_waiting.clear();
            }
        }
        if self.stdin_waiting.is_empty() {
            self.stdin_waiting = Vec::new();
        }
    }

    /// Forgets attachments that are over.
    pub(super) fn sweep(&mut self) {
        let ended = self.exit.is_some() || self.outputs.iter().all(Option::is_none);
        self.attachments
            .retain(|attachment| !attachment.is_over(ended));
    }

    /// The terminal, to change its size.
    pub(super) fn terminal(&self) -> Option<&OwnedFd> {
        if self.request.process.terminal {
            self.outputs[0].as_ref()
        } else {
            None
        }
    }
}
