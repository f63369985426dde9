//! One connected agent.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::{Envelope, FrameReader, MAX_FRAME, Message, encode, send_some};

/// Bytes that may wait for an agent that does not read; then it is cut off, and lists when it comes again.
const MAX_WAITING: usize = 2 * MAX_FRAME;

pub(super) struct Connection {
    pub(super) id: u64,
    stream: UnixStream,
    reader: FrameReader,
    waiting: Vec<u8>,
    broken: bool,
}

impl Connection {
    pub(super) fn new(id: u64, stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            id,
            stream,
            reader: FrameReader::default(),
            waiting: Vec::new(),
            broken: false,
        })
    }

    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub(super) fn wants_to_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Reads what is there: the requests that are whole, each with its descriptors.
    pub(super) fn receive(&mut self) -> Vec<(Envelope, Vec<OwnedFd>)> {
        match self.reader.fill(self.stream.as_fd()) {
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => self.broken = true,
        }
        let mut requests = Vec::new();
        while let Ok(Some(frame)) = self.reader.next().inspect_err(|_| self.broken = true) {
            let taken = serde_json::from_slice(&frame)
                .map_err(io::Error::from)
                .and_then(|envelope: Envelope| {
                    Ok((
                        self.reader.take_descriptors(envelope.descriptors)?,
                        envelope,
                    ))
                });
            match taken {
                Ok((descriptors, envelope)) => requests.push((envelope, descriptors)),
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        requests
    }

    /// Sends, keeping what does not go at once. A descriptor goes only if nothing waits, which holds for an agent that reads.
    pub(super) fn send(&mut self, message: &Message, descriptor: Option<&OwnedFd>) {
        let Ok(frame) = encode(message) else {
            self.broken = true;
            return;
        };
        let mut sent = 0;
        if let Some(descriptor) = descriptor {
            match send_some(self.stream.as_fd(), &frame, &[descriptor.as_raw_fd()]) {
                Ok(count) if !self.wants_to_write() => sent = count,
                _ => self.broken = true,
            }
        }
        self.waiting.extend_from_slice(&frame[sent..]);
        self.flush();
        self.broken |= self.waiting.len() > MAX_WAITING;
    }

    pub(super) fn flush(&mut self) {
        while !self.waiting.is_empty() {
            match send_some(self.stream.as_fd(), &self.waiting, &[]) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
        self.waiting = Vec::new();
    }
}
