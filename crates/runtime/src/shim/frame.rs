//! Frames: four bytes of length (little endian), then JSON; file descriptors ride along with the first bytes of a frame.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use serde::Serialize;

/// The longest frame: a command line may be 128 KiB, escaped and with its environment.
pub(crate) const MAX_FRAME: usize = 4 * 1024 * 1024;
/// Descriptors that one message may carry.
const MAX_DESCRIPTORS: usize = 3;

/// A frame ready to send.
pub(crate) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the request is too large",
        ));
    }
    frame[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    Ok(frame)
}

/// Sends as much as goes, the descriptors with the first byte. `WouldBlock` where nothing goes.
pub(crate) fn send_some(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[RawFd],
) -> io::Result<usize> {
    let control = [ControlMessage::ScmRights(descriptors)];
    let control = if descriptors.is_empty() {
        &[]
    } else {
        &control[..]
    };
    Ok(sendmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &[IoSlice::new(bytes)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?)
}

/// Puts frames together from what comes in.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl FrameReader {
    /// Reads once. `Ok(false)` at the end of the stream; `WouldBlock` where nothing is there.
    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        let mut space = nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]);
        let mut vectors = [IoSliceMut::new(&mut chunk)];
        let received = loop {
            match recvmsg::<UnixAddr>(
                socket.as_raw_fd(),
                &mut vectors,
                Some(&mut space),
                MsgFlags::MSG_CMSG_CLOEXEC,
            ) {
                Err(Errno::EINTR) => {}
                other => break other?,
            }
        };
        let count = received.bytes;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(descriptors) = message {
                // SAFETY: the kernel has just made these descriptors for us, and nobody else knows of them.
                self.descriptors.extend(
                    descriptors
                        .into_iter()
                        .map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }),
                );
            }
        }
        self.bytes.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    /// The next whole frame's content.
    ///
    /// # Errors
    /// Where the frame is longer than allowed; the connection cannot go on.
    pub(crate) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(head) = self.bytes.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*head) as usize;
        if length > MAX_FRAME {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a frame is too long",
            ));
        }
        if self.bytes.len() < 4 + length {
            return Ok(None);
        }
        let rest = self.bytes.split_off(4 + length);
        let mut frame = std::mem::replace(&mut self.bytes, rest);
        frame.drain(..4);
        Ok(Some(frame))
    }

    /// The next `count` descriptors.
    ///
    /// # Errors
    /// Where they did not come.
    pub(crate) fn take_descriptors(&mut self, count: usize) -> io::Result<Vec<OwnedFd>> {
        if count > self.descriptors.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "descriptors are missing",
            ));
        }
        Ok(self.descriptors.drain(..count).collect())
    }
}
