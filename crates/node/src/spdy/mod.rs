//! SPDY/3.1, as much of it as Kubernetes' streams need: the server's side of a connection whose client opens streams.
//!
//! No flow control: neither do Kubernetes' clients have it; what is not read holds the connection up.

mod frame;
mod headers;
mod session;

#[cfg(test)]
mod tests;

pub(crate) use session::{Session, Stream};
