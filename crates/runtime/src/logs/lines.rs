//! Bytes of a stream into lines of the log.

use super::{Stamp, StreamName};

/// Bytes of a line that fit one entry; longer lines go on in further entries, all but the last marked `P`.
pub const MAX_LINE: usize = 16 * 1024;

/// The line of one stream that has not ended yet.
#[derive(Debug)]
pub struct LineBuffer {
    stream: StreamName,
    pending: Vec<u8>,
}

impl LineBuffer {
    /// An empty one.
    pub fn new(stream: StreamName) -> Self {
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    /// Takes what was read and appends the entries that are complete to `entries`.
    pub fn push(&mut self, mut bytes: &[u8], stamp: &mut Stamp, entries: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let room = MAX_LINE - self.pending.len();
            let window = &bytes[..bytes.len().min(room + 1)];
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                self.write(&bytes[..end], b'F', stamp, entries);
                bytes = &bytes[end + 1..];
            } else if bytes.len() > room {
                self.write(&bytes[..room], b'P', stamp, entries);
                bytes = &bytes[room..];
            } else {
                self.pending.extend_from_slice(bytes);
                return;
            }
        }
    }

    /// The stream has ended: what is left is written as a part, since no newline ended it, as containerd does.
    pub fn finish(&mut self, stamp: &mut Stamp, entries: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            self.write(&[], b'P', stamp, entries);
        }
    }

    fn write(&mut self, rest: &[u8], tag: u8, stamp: &mut Stamp, entries: &mut Vec<u8>) {
        entries.extend_from_slice(stamp.now().as_bytes());
        entries.push(b' ');
        entries.extend_from_slice(self.stream.as_str().as_bytes());
        entries.extend_from_slice(&[b' ', tag, b' ']);
        entries.extend_from_slice(&self.pending);
        entries.extend_from_slice(rest);
        entries.push(b'\n');
        // Given back, not only cleared: a shim holds two of these for each container, mostly idle.
        self.pending = Vec::new();
    }
}
