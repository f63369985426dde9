//! The API server with the store in memory: from this process, and over HTTPS on a loopback socket.
#![allow(clippy::unwrap_used)]

mod admission_options;
mod bodies;
mod bootstrap_tokens;
mod by_hand;
mod cluster;
mod components;
mod deletion;
mod documents;
mod histories;
mod http;
mod identity;
mod limit_ranges;
mod lists;
mod managed;
mod negotiation;
mod nodes;
mod patches;
mod pod_security;
mod protocol;
mod quota;
mod resize;
mod reviews;
mod roles;
mod sequences;
mod service_account_secrets;
mod services;
mod shutdown;
mod signers;
mod updates;
mod watches;
mod writes;
