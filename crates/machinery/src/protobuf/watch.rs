//! A watch in protobuf: frames with their length before them.

use super::wire::{close, open, put_bytes};

/// One event as a frame: four bytes of length, the highest first, and a `WatchEvent` without an envelope. `object` is a
/// whole body.
pub fn event_frame(kind: &str, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + 32);
    out.extend_from_slice(&[0; 4]);
    put_bytes(&mut out, 1, kind.as_bytes());
    let extension = open(&mut out, 2);
    put_bytes(&mut out, 1, object);
    close(&mut out, extension);
    // An object that is stored is far below 4 GiB.
    let length = u32::try_from(out.len() - 4).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(..4) {
        head.copy_from_slice(&length.to_be_bytes());
    }
    out
}
