//! Server-side apply, and who owns which field of an object.
//!
//! Every write is told to somebody: the fields that it changed become its manager's, and cease to be those of others. A manager
//! that applies states all that it wants; what it no longer states it gives up. What is owned is kept in the object, in
//! `metadata.managedFields`, as sets of fields ([`Set`]).
//!
//! Objects are seen as borrowed JSON ([`Tree`]) along the table of types ([`crate::schema`]), which says how lists and maps are
//! owned: as a whole, member by member, or by the keys of their members. Kubernetes' own behaviour is that of its
//! structured-merge-diff library on Go's structs. Two things of Go show in its answers: a struct that is no pointer is there even
//! where JSON leaves it out, and a nil list that is always written is a null. [`compare`] reads missing fields that way.
//!
//! Nothing here knows a clock: `now` is an argument.

mod check;
mod codec;
mod compare;
mod conflict;
mod element;
mod entry;
mod managers;
mod merge;
mod ownership;
mod place;
mod remove;
mod scale;
mod scope;
mod set;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub use check::check;
pub use compare::{Diff, compare};
pub use conflict::{Conflict, Conflicts};
pub use element::{Element, ElementKind};
pub use entry::{Entry, MalformedEntry, decode, encode, of_client, same_but_times};
pub use managers::{MAX_UPDATE_MANAGERS, OTHERS};
pub use merge::merge;
pub use ownership::ownership;
pub use place::Place;
pub use remove::remove;
pub use scale::{from_scale, to_scale};
pub use scope::Scope;
pub use set::{Node, Set};
pub use tree::Tree;
pub use write::{
    Applied, ApplyError, OtherVersions, Write, allowed_by_last_applied, apply, update,
};
