//! That a crate takes from the workspace what the workspace decides for all.

use super::Finding;

/// Keys of `[package]` that every crate inherits.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Checks one Cargo.toml. `path` is only for the message.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = INHERITED
        .iter()
        .filter(|key| !inherits(text, "package", key))
        .map(|key| Finding::new(path, format!("`{key}` is not the workspace's. Write `{key}.workspace = true` under [package].")))
        .collect();
    if !lines_of(text, "lints").any(|line| line == "workspace=true") {
        findings.push(Finding::new(
            path,
            "the workspace's lints are not taken. Write `workspace = true` under [lints].",
        ));
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        findings.extend(lines_of(text, table).filter(|line| pins(line)).map(|line| {
            Finding::new(
                path,
                format!(
                    "`{line}` states a version or a path of its own. Put it under [workspace.dependencies] and write `.workspace = true` here."
                ),
            )
        }));
    }
    findings
}

fn inherits(text: &str, table: &str, key: &str) -> bool {
    let dotted = format!("{key}.workspace=true");
    let inline = format!("{key}={{workspace=true}}");
    lines_of(text, table).any(|line| line == dotted || line == inline)
}

/// A dependency that is not taken from the workspace. A crate may name itself, to turn on a feature for its tests.
fn pins(line: &str) -> bool {
    line.contains('=') && !line.contains("workspace=true") && !line.contains(r#"path=".""#)
}

/// The lines under `[table]`, without spaces and comments.
fn lines_of<'a>(text: &'a str, table: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut inside = false;
    text.lines()
        .map(|line| {
            line.split('#')
                .next()
                .unwrap_or_default()
                .replace(char::is_whitespace, "")
        })
        .filter(move |line| {
            if line.starts_with('[') {
                inside = *line == format!("[{table}]");
                return false;
            }
            inside && !line.is_empty()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition = { workspace = true }\nrust-version.workspace = true\n\
                        license.workspace = true # Apache\npublish.workspace = true\n\n[lints]\nworkspace = true\n\n[dependencies]\n\
                        serde.workspace = true\nnix = { workspace = true, features = [\"inotify\"] }\n\n[dev-dependencies]\n\
                        a = { path = \".\", features = [\"suite\"] }\n";

    #[test]
    fn a_crate_that_inherits_is_fine() {
        assert_eq!(check("Cargo.toml", GOOD), []);
    }

    #[test]
    fn what_is_not_inherited_is_found() {
        let messages = |from: &str, to: &str| -> Vec<String> {
            let findings = check("Cargo.toml", &GOOD.replace(from, to));
            findings
                .into_iter()
                .map(|finding| finding.message)
                .collect()
        };
        for (from, to, said) in [
            (
                "edition = { workspace = true }",
                "edition = \"2021\"",
                "`edition` is not",
            ),
            (
                "[lints]\nworkspace = true",
                "[lints.rust]\nunsafe_code = \"allow\"",
                "lints are not taken",
            ),
            (
                "serde.workspace = true",
                "serde = \"1\"",
                "`serde=\"1\"` states",
            ),
        ] {
            let found = messages(from, to);
            assert!(
                found.len() == 1 && found[0].contains(said),
                "{to}: {found:?}"
            );
        }
    }
}
