//! The shapes of all of Kubernetes 1.36's types, from a table that `cargo xtask schema` generates.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use navarch_machinery::schema::Types;

static TABLE: &str = include_str!("kubernetes-1.36.schema");

/// The shapes of all types of the release, whether this program serves them or not. Read once, at first use.
pub fn schema() -> &'static Types {
    // The table is part of the program, and the tests read it; an unreadable one would know no type.
    static TYPES: LazyLock<Types> = LazyLock::new(|| Types::parse(TABLE).unwrap_or_default());
    &TYPES
}
