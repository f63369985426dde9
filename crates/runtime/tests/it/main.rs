//! The embedded runtime with real containers of busybox. They need root; without it they pass over.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod basics;
mod exec;
mod fixture;
mod limits;
mod restart;
mod sandbox;
mod security;
mod streams;
mod timing;
