//! Objects, selectors, quantities, field errors, patches and codecs; names no resource.
//!
//! Everything here is pure: bytes and values in, values out.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod field;
pub mod object;
pub mod status;
