//! `apiregistration.k8s.io`.
