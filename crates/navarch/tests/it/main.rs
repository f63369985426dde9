//! The program as its users run it: the binary itself, over its command line and its API.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod program;
mod replay;
