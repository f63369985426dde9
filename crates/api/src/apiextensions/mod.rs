//! `apiextensions.k8s.io`.
