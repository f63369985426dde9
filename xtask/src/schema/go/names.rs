//! How Go prints a type: with the name of its package, whatever a file calls that where it imports it.

use std::collections::BTreeMap;

/// Go's own types, which are in no package.
const PREDECLARED: &[&str] = &[
    "any", "bool", "float32", "float64", "int", "int32", "int64", "map", "string", "uint8",
    "uint32", "uint64",
];

/// What one file calls packages.
pub(super) struct Names<'a> {
    own: &'a str,
    imports: BTreeMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(package: &'a str, text: &'a str) -> Self {
        Self {
            own: last(package, '.'),
            imports: text.lines().filter_map(import).collect(),
        }
    }

    /// `[]v1.Foo` of `[]*metav1.Foo`.
    pub(super) fn printed(&self, kind: &str) -> String {
        let mut out = String::new();
        let mut rest = kind;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end.max(first.len_utf8()));
            match word {
                _ if end == 0 => out.push_str(if word == "*" { "" } else { word }),
                "byte" => out.push_str("uint8"),
                _ => out.push_str(&self.qualified(word)),
            }
            rest = after;
        }
        out
    }

    fn qualified(&self, word: &str) -> String {
        match word.split_once('.') {
            Some((alias, name)) => {
                format!("{}.{name}", self.imports.get(alias).unwrap_or(&alias))
            }
            None if PREDECLARED.contains(&word) => word.to_owned(),
            None => format!("{}.{word}", self.own),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn last(path: &str, separator: char) -> &str {
    path.rsplit(separator).next().unwrap_or(path)
}

/// `metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"`: the alias, and the package's name.
fn import(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("import").unwrap_or(line).trim();
    let (alias, path) = line.strip_suffix('"')?.split_once('"')?;
    let (alias, package) = (alias.trim(), last(path, '/'));
    alias
        .chars()
        .all(is_word)
        .then_some((if alias.is_empty() { package } else { alias }, package))
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn prints_types_as_go_does() {
        let file = "package v2\n\nimport (\n\tmetav1 \"k8s.io/apimachinery/pkg/apis/meta/v1\"\n\t\"k8s.io/apimachinery/pkg/types\"\n)\n";
        let names = Names::of("io.k8s.api.autoscaling.v2", file);
        for (written, printed) in [
            ("string", "string"),
            ("*MetricSourceType", "v2.MetricSourceType"),
            ("[]*metav1.OwnerReference", "[]v1.OwnerReference"),
            ("map[string][]byte", "map[string][]uint8"),
            ("map[types.UID]Foo", "map[types.UID]v2.Foo"),
        ] {
            assert_eq!(names.printed(written), printed);
        }
    }
}
