//! House rules and generated tables.
mod schema;

use std::path::Path;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["schema", dir] => schema::generate(Path::new(dir), Path::new(schema::TABLE)),
        _ => bail!(
            "usage: cargo xtask schema DIR  (DIR holds openapi-v2.json and openapi-v3/ of a Kubernetes release)"
        ),
    }
}
