//! The API server with the store in memory: from this process, and over HTTPS on a loopback socket.
#![allow(clippy::unwrap_used)]

mod bodies;
mod by_hand;
mod cluster;
mod components;
mod deletion;
mod documents;
mod histories;
mod http;
mod identity;
mod lists;
mod managed;
mod negotiation;
mod nodes;
mod patches;
mod protocol;
mod resize;
mod reviews;
mod roles;
mod sequences;
mod services;
mod shutdown;
mod signers;
mod updates;
mod watches;
mod writes;
