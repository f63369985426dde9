//! `navarch version`.

pub(super) fn print() {
    println!("navarch {}", env!("CARGO_PKG_VERSION"));
    println!("serves the Kubernetes API v1.36");
}
