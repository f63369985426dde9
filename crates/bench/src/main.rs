//! The measured workloads, against any Kubernetes endpoint.
fn main() {}
