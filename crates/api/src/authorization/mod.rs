//! `authorization.k8s.io`: questions about who may do what. They are answered and never stored.

mod attributes;
mod reviews;
