//! `apiregistration.k8s.io`: which server answers for a version of a group.

mod api_service;
mod local;

pub use local::local_services;
