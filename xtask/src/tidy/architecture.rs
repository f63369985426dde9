//! That the map shows the crates there are.

use std::collections::BTreeSet;

use super::Finding;

/// Each crate has a heading ``### `crates/NAME` `` in the map, and no heading is of a crate that is gone.
pub(super) fn check(path: &str, text: &str, crates: &[String]) -> Vec<Finding> {
    let shown: BTreeSet<&str> = text.lines().filter_map(heading).collect();
    let there: BTreeSet<&str> = crates.iter().map(String::as_str).collect();
    let missing = there.difference(&shown).map(|name| {
        let message = format!("`crates/{name}` is not on the map. Add a section \"### `crates/{name}`\": what it knows, where to enter, what is absent.");
        Finding::new(path, message)
    });
    let gone = shown.difference(&there).map(|name| {
        let message =
            format!("`crates/{name}` is on the map but does not exist. Remove its section.");
        Finding::new(path, message)
    });
    missing.chain(gone).collect()
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("### `crates/")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_and_crates_are_compared_both_ways() {
        let text =
            "# Map\n\n### `crates/api`\n\nSee `crates/other`.\n\n### `crates/gone`: was here\n";
        let crates = ["api".to_owned(), "store".to_owned()];
        let found: Vec<_> = check("MAP.md", text, &crates)
            .into_iter()
            .map(|finding| finding.message)
            .collect();
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("`crates/store` is not on the map"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("`crates/gone` is on the map but"),
            "{found:?}"
        );
    }
}
