//! How the program starts and ends, and what it says when it cannot.

mod everywhere;
pub(crate) mod refused;
mod stopped;
