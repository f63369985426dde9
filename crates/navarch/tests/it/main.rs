//! The program as its users run it: the binary itself, over its command line and its API. What runs containers needs root, and
//! what drives kubectl needs one on the PATH (or named by `NAVARCH_TEST_KUBECTL`).
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod api_only;
mod archives;
mod bad_input;
mod canaries;
mod cgroups;
mod clients;
mod cluster;
mod demo;
mod encryption;
mod ended;
mod full_disk;
mod hosts;
mod inside;
mod kills;
mod kube_rs;
mod kubectl;
mod lifecycle;
mod limits;
mod policies;
mod program;
mod raw;
mod registry;
mod renewal;
mod replay;
mod rolling;
mod services;
mod starts;
mod sweep;
mod token_keys;
