//! `authentication.k8s.io`: questions about who somebody is. They are answered and never stored.

mod reviews;
mod token_request;
