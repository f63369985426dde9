//! From what is stored to what is answered.

pub(crate) mod body;
mod convert;
mod gzip;
mod list;
mod metadata;
mod pretty;
mod protobuf;
pub(crate) mod scan;
mod status;
mod stored;
mod table;
mod watch;

pub(crate) use convert::{encoded, object_bytes};
pub(crate) use list::{Items, ListChunks};
pub(crate) use metadata::partial;
pub(crate) use pretty::pretty;
pub(crate) use protobuf::protobuf;
pub(crate) use status::{failure, status_json};
pub(crate) use stored::{Encoded, encode, restamp};
pub(crate) use table::Tables;
pub(crate) use watch::Frames;
