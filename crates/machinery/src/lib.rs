//! Objects, selectors, quantities, field errors, patches and codecs; names no resource.
//!
//! Everything here is pure: bytes and values in, values out.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::needless_pass_by_value))]

pub mod apply;
pub mod decode;
pub mod field;
pub mod fields;
pub mod int_or_string;
pub mod labels;
pub mod limits;
pub mod names;
pub mod object;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod ranges;
pub mod schema;
pub mod status;
pub mod time;
pub mod yaml;
