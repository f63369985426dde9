//! What every protobuf body of Kubernetes is wrapped in: a magic number, and a message of version, kind and the object's bytes.

use super::ProtobufError;
use super::wire::{Fields, Opened, Wire, close, open, put_bytes};

/// What every body begins with.
pub const MAGIC: &[u8] = b"k8s\0";

/// An opened body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// `apps/v1`; empty where the sender did not say.
    pub api_version: String,
    /// `Deployment`; empty where the sender did not say.
    pub kind: String,
    /// The object's message.
    pub message: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Opens a body.
    ///
    /// # Errors
    /// What is wrong with it, in Kubernetes' words where it has any.
    pub fn open(body: &'a [u8]) -> Result<Self, ProtobufError> {
        if body.is_empty() {
            return Err(ProtobufError::EmptyData);
        }
        let message = body.strip_prefix(MAGIC).ok_or(ProtobufError::NoPrefix)?;
        if message.is_empty() {
            return Err(ProtobufError::EmptyBody);
        }
        let mut envelope = Self::default();
        for field in Fields::new(message) {
            match field? {
                (1, Wire::Bytes(meta)) => envelope.read_type(meta)?,
                (2, Wire::Bytes(message)) => envelope.message = message,
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn read_type(&mut self, meta: &[u8]) -> Result<(), ProtobufError> {
        for field in Fields::new(meta) {
            match field? {
                (1, Wire::Bytes(text)) => {
                    self.api_version = String::from_utf8_lossy(text).into_owned();
                }
                (2, Wire::Bytes(text)) => self.kind = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A body in the making, at the end of a buffer.
#[derive(Debug)]
pub struct Seal(Opened);

impl Seal {
    /// Begins a body; what is appended to `out` until [`Seal::finish`] is the object's message.
    pub fn begin(out: &mut Vec<u8>, api_version: &str, kind: &str) -> Self {
        out.extend_from_slice(MAGIC);
        let meta = open(out, 1);
        put_bytes(out, 1, api_version.as_bytes());
        put_bytes(out, 2, kind.as_bytes());
        close(out, meta);
        Self(open(out, 2))
    }

    /// Ends it. Kubernetes writes an encoding and a content type behind the message, both empty.
    pub fn finish(self, out: &mut Vec<u8>) {
        close(out, self.0);
        put_bytes(out, 3, b"");
        put_bytes(out, 4, b"");
    }
}
