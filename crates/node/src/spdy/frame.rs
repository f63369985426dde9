//! Frames.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest frame that is taken: the clients write at most 32 KiB at once.
const MAX_FRAME: usize = 1 << 20;
const VERSION: u16 = 3;

/// The stream's other side sends nothing more.
pub(super) const FLAG_FIN: u8 = 1;

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A new stream, with its compressed headers.
    SynStream { id: u32, fin: bool, headers: Bytes },
    /// More headers; they must be decompressed though nobody reads them, for the compression's sake.
    Headers { headers: Bytes },
    /// Bytes of a stream.
    Data { id: u32, fin: bool, data: Bytes },
    /// The stream is broken off.
    Reset { id: u32 },
    /// To be sent back.
    Ping { id: u32 },
    /// No more streams.
    GoAway,
    /// Of no meaning here.
    Other,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum FrameError {
    /// Longer than any frame that is taken.
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// Cut off within.
    #[error("a frame is too short for its kind")]
    TooShort,
    /// Not SPDY/3.
    #[error("SPDY version {0} is not spoken")]
    Version(u16),
}

/// Takes the next whole frame off the buffer.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let Some(head) = buffer.first_chunk::<8>().copied() else {
        return Ok(None);
    };
    let length = usize::from(head[5]) << 16 | usize::from(head[6]) << 8 | usize::from(head[7]);
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    if buffer.len() < 8 + length {
        return Ok(None);
    }
    let mut frame = buffer.split_to(8 + length).freeze();
    frame.advance(8);
    let flags = head[4];
    let fin = flags & FLAG_FIN != 0;
    let word = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    if word >> 31 == 0 {
        return Ok(Some(Frame::Data {
            id: word,
            fin,
            data: frame,
        }));
    }
    let version = (word >> 16 & 0x7fff) as u16;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    control(word as u16, fin, frame).map(Some)
}

fn control(kind: u16, fin: bool, mut body: Bytes) -> Result<Frame, FrameError> {
    let word = |body: &mut Bytes| {
        if body.len() < 4 {
            Err(FrameError::TooShort)
        } else {
            Ok(body.get_u32() & 0x7fff_ffff)
        }
    };
    Ok(match kind {
        1 => {
            let id = word(&mut body)?;
            word(&mut body)?;
            if body.len() < 2 {
                return Err(FrameError::TooShort);
            }
            body.advance(2);
            Frame::SynStream {
                id,
                fin,
                headers: body,
            }
        }
        3 => Frame::Reset {
            id: word(&mut body)?,
        },
        6 => {
            if body.len() < 4 {
                return Err(FrameError::TooShort);
            }
            Frame::Ping { id: body.get_u32() }
        }
        7 => Frame::GoAway,
        8 => {
            word(&mut body)?;
            Frame::Headers { headers: body }
        }
        _ => Frame::Other,
    })
}

fn head(out: &mut BytesMut, kind: u16, flags: u8, length: usize) {
    out.put_u16(0x8000 | VERSION);
    out.put_u16(kind);
    out.put_u32(u32::from(flags) << 24 | (length as u32 & 0x00ff_ffff));
}

/// The answer to a new stream.
pub(super) fn syn_reply(id: u32, headers: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    head(&mut out, 2, 0, 4 + headers.len());
    out.put_u32(id);
    out.put_slice(headers);
    out.freeze()
}

/// Bytes of a stream.
pub(super) fn data(id: u32, fin: bool, data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(8 + data.len());
    out.put_u32(id & 0x7fff_ffff);
    out.put_u32(u32::from(fin) << 24 | (data.len() as u32 & 0x00ff_ffff));
    out.put_slice(data);
    out.freeze()
}

/// Breaks a stream off.
pub(super) fn reset(id: u32, status: u32) -> Bytes {
    let mut out = BytesMut::new();
    head(&mut out, 3, 0, 8);
    out.put_u32(id);
    out.put_u32(status);
    out.freeze()
}

/// The answer to a ping.
pub(super) fn ping(id: u32) -> Bytes {
    let mut out = BytesMut::new();
    head(&mut out, 6, 0, 4);
    out.put_u32(id);
    out.freeze()
}
