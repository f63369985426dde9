//! What a client asks for: the path, the query, the content types.

pub(crate) mod accept;
mod duration;
mod info;
mod params;
mod percent;
pub(crate) mod protobuf;

pub(crate) use info::{RequestInfo, Verb};
pub(crate) use params::{FieldValidation, Params, WriteOptions, flag, integer};
pub(crate) use percent::decode;
