//! Which of our crates may use which.
//!
//! What a crate cannot name it cannot come to depend on: that is what keeps decisions pure, the store behind the API
//! server, and every part a client. Dependencies of tests are free.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;

/// A crate, and those of ours that it may use.
pub(super) type Allowed = (&'static str, &'static [&'static str]);

/// In the order of the layers: a line names only crates of lines above it.
pub(super) const ALLOWED: &[Allowed] = &[
    ("machinery", &[]),
    ("api", &["machinery"]),
    ("store", &[]),
    ("auth", &["machinery", "api"]),
    ("apiserver", &["machinery", "api", "store", "auth"]),
    ("client", &["machinery", "api"]),
    ("scheduler", &["machinery", "api", "client"]),
    ("controllers", &["machinery", "api", "client"]),
    ("network", &["machinery", "api", "client"]),
    ("runtime", &["machinery"]),
    (
        "node",
        &["machinery", "api", "client", "network", "runtime"],
    ),
    (
        "sim",
        &[
            "machinery",
            "api",
            "store",
            "auth",
            "apiserver",
            "client",
            "scheduler",
            "controllers",
            "network",
            "node",
        ],
    ),
    ("bench", &["machinery", "client"]),
    (
        "navarch",
        &[
            "machinery",
            "api",
            "store",
            "auth",
            "apiserver",
            "client",
            "scheduler",
            "controllers",
            "network",
            "runtime",
            "node",
        ],
    ),
    ("xtask", &[]),
];

/// Holds `cargo metadata` of the workspace against the table.
pub(super) fn check(metadata: &Value, allowed: &[Allowed]) -> Vec<Finding> {
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    packages
        .iter()
        .flat_map(|package| {
            let name = short(package["name"].as_str().unwrap_or_default());
            let used = used(package, &ours);
            match allowed.iter().find(|(of, _)| *of == name) {
                Some((_, may)) => used
                    .into_iter()
                    .filter(|other| !may.contains(other))
                    .map(|other| forbidden(name, other, may))
                    .collect(),
                None => vec![unknown(name)],
            }
        })
        .collect()
}

/// Our crates that a package uses outside its tests.
fn used<'a>(package: &'a Value, ours: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let dependencies = package["dependencies"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|name| ours.contains(name))
        .map(short)
        .collect()
}

fn short(package: &str) -> &str {
    package.strip_prefix("navarch-").unwrap_or(package)
}

fn forbidden(name: &str, other: &str, may: &[&str]) -> Finding {
    let may = if may.is_empty() {
        "none of ours".to_owned()
    } else {
        may.join(", ")
    };
    Finding::new(
        format!("crates/{name}/Cargo.toml"),
        format!(
            "`{name}` may not use `{other}`, only {may}. Move what is shared down, or give it in as a trait that `{name}` defines and the \
             composition root fills."
        ),
    )
}

fn unknown(name: &str) -> Finding {
    Finding::new(
        format!("crates/{name}/Cargo.toml"),
        format!(
            "nothing says which crates `{name}` may use. Give it a line in xtask/src/tidy/dependencies.rs, at its layer."
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &[Allowed] = &[("machinery", &[]), ("api", &["machinery"])];

    fn workspace(dependencies: &Value) -> Value {
        json!({"packages": [
            {"name": "navarch-machinery", "dependencies": dependencies},
            {"name": "navarch-api", "dependencies": [{"name": "navarch-machinery", "kind": null}, {"name": "serde", "kind": null}]},
        ]})
    }

    #[test]
    fn downward_and_foreign_dependencies_are_fine() {
        assert_eq!(check(&workspace(&json!([])), TABLE), []);
    }

    #[test]
    fn an_upward_dependency_is_found() {
        let findings = check(
            &workspace(&json!([{"name": "navarch-api", "kind": null}])),
            TABLE,
        );
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "crates/machinery/Cargo.toml");
        assert!(
            findings[0].message.contains("may not use `api`"),
            "{findings:?}"
        );
    }

    #[test]
    fn build_scripts_are_held_to_the_table_and_tests_are_not() {
        let of = |kind: &str| {
            check(
                &workspace(&json!([{"name": "navarch-api", "kind": kind}])),
                TABLE,
            )
            .len()
        };
        assert_eq!((of("build"), of("dev")), (1, 0));
    }

    #[test]
    fn a_crate_without_a_line_is_found() {
        let findings = check(&workspace(&json!([])), &TABLE[..1]);
        assert_eq!(findings, [unknown("api")]);
    }

    #[test]
    fn the_table_names_only_what_is_above() {
        for (line, (name, may)) in ALLOWED.iter().enumerate() {
            for other in *may {
                assert!(
                    ALLOWED[..line].iter().any(|(above, _)| above == other),
                    "{name} uses {other}"
                );
            }
        }
    }
}
