//! The verbs, on the store. Each is written once; a resource adds its strategy's hooks and nothing else.

mod apply;
mod commit;
mod components;
pub(crate) mod continuation;
mod create;
pub(crate) mod decode;
mod delete;
mod delete_collection;
mod delete_options;
mod get;
mod list;
mod list_options;
mod namespace;
mod owners;
mod patch;
mod quota;
pub(crate) mod request;
mod reviews;
mod selection;
pub(crate) mod subresources;
mod update;
mod version;
mod watch;

pub(crate) use commit::Extra;
pub(crate) use patch::unsupported as unsupported_patch;
pub(crate) use quota::{Pending, Turns};
pub(crate) use request::{Input, Request};
pub(crate) use subresources::streams::Upgrade;
pub use subresources::streams::{NodeProxy, NodeRequest};
pub(crate) use watch::{Change, Feed, WatchFeed};
