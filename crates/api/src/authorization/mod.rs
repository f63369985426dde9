//! `authorization.k8s.io`.
