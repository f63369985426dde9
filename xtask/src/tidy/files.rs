//! The files that the rules are about.

use std::path::Path;

use anyhow::{Context, Result};

/// Directories that hold nothing written here.
const PASSED_OVER: [&str; 4] = [".git", "target", "fixtures", "navarch-data"];
/// Files that people write.
const EXTENSIONS: [&str; 6] = ["rs", "toml", "md", "yaml", "sh", "py"];

/// The directories under `crates`, sorted.
pub(super) fn crate_names(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).context("crates")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The files that people write, as paths from `root`, sorted.
pub(super) fn sources(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(root.join(&directory)).with_context(|| directory.clone())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if directory.is_empty() {
                name.clone()
            } else {
                format!("{directory}/{name}")
            };
            let kind = entry.file_type()?;
            if kind.is_dir() && !PASSED_OVER.contains(&name.as_str()) {
                directories.push(path);
            } else if kind.is_file() && is_source(&name) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_source(name: &str) -> bool {
    name == "Makefile"
        || name
            .rsplit_once('.')
            .is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_among_the_sources_and_what_was_built_is_not() {
        let sources = sources(crate::root()).unwrap();
        assert!(sources.contains(&"xtask/src/tidy/files.rs".to_owned()));
        assert!(!sources.iter().any(|path| path.starts_with("target/")));
        assert!(
            crate_names(crate::root())
                .unwrap()
                .contains(&"machinery".to_owned())
        );
    }
}
