//! `authentication.k8s.io`.
