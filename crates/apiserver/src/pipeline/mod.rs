//! The one way of every request to a resource.
//!
//! In this order, whether it came over a socket or from this process:
//!
//! 1. *audit* begins;
//! 2. authentication: [`ApiServer::authenticate`] from TLS or a token; a caller in this process brings its identity;
//! 3. impersonation: [`ApiServer::impersonate`] exchanges the identity, where that is permitted;
//! 4. *priority and fairness*: the request waits its turn;
//! 5. authorization: [`ApiServer::authorize`];
//! 6. routing: [`ApiServer::route`] finds the resource and asks whether it has the verb;
//! 7. the registry: decode, default, mutate, prepare, validate, admit, store (see [`crate::registry`]);
//! 8. encoding ([`crate::encode`]), *audit* ends, metrics.
//!
//! What stands in italics has its place here and comes with its own issue.

mod authenticate;
mod authorize;
mod impersonate;
mod route;

pub(crate) use authenticate::{Connection, passed_over};
pub(crate) use authorize::{asked, forbidden};
pub(crate) use route::Handled;
