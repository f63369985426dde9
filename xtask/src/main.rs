//! House rules and generated tables.
fn main() {}
