//! Kubernetes' protobuf: messages and JSON, each from the other, by the table of types in [`crate::schema`].
//!
//! There is no second set of types: a field's number, shape and whether an empty value means anything are data. JSON goes to
//! a message in one pass over its bytes, without a tree between; a message to JSON with one list of fields a struct.

mod cursor;
mod decode;
mod encode;
mod envelope;
mod scalar;
#[cfg(test)]
mod tests;
mod watch;
mod wire;
mod writer;

pub use decode::to_json;
pub use encode::{Encoder, from_json};
pub use envelope::{Envelope, MAGIC, Seal};
pub use watch::event_frame;
pub use writer::Writer;

/// Bytes that are no message of their type, or JSON that is not one either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// There is nothing.
    #[error("empty data")]
    EmptyData,
    /// There is nothing but the magic number.
    #[error("empty body")]
    EmptyBody,
    /// It does not begin with the magic number.
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    NoPrefix,
    /// It ends in the middle.
    #[error("unexpected EOF")]
    Cut,
    /// A number is longer than 64 bits.
    #[error("proto: integer overflow")]
    Overflow,
    /// There is no such wire type.
    #[error("proto: illegal wireType {0}")]
    WireType(u8),
    /// Fields are numbered from 1.
    #[error("proto: illegal tag {0} (wire type {1})")]
    Tag(i32, u8),
    /// A field has another wire type than it must have.
    #[error("proto: wrong wireType for field {0}")]
    WrongWireType(String),
    /// A value is not what its field may hold.
    #[error("{0}: {1}")]
    Value(String, &'static str),
    /// It is nested deeper than [`crate::limits::MAX_DEPTH`].
    #[error("exceeded max depth")]
    Depth,
    /// As JSON it is larger than [`crate::limits::MAX_TRANSCODED`].
    #[error("the object is too large")]
    Size,
    /// It is no JSON, at this byte.
    #[error("malformed JSON at byte {0}")]
    Json(usize),
}
