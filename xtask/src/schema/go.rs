//! What Go's declarations of the API types say and OpenAPI does not: protobuf field numbers, which empty values are left out, and
//! the names that errors have for types.

mod names;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use names::Names;

/// How deeply structs are inlined in each other.
const MAX_INLINED: usize = 4;

/// A field of a struct.
#[derive(Debug, Clone)]
pub(crate) struct GoField {
    /// As in JSON; empty where the fields of a struct stand in its place.
    pub(crate) json: String,
    /// The type, as in the source.
    pub(crate) kind: String,
    /// The type, as Go prints it: `map[string]v1.Foo`.
    pub(crate) printed: String,
    pub(crate) number: u32,
    pub(crate) omit_empty: bool,
    pub(crate) omit_zero: bool,
}

/// Where a field is in its message, and how.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The messages around it that JSON leaves out, and its number in the innermost.
    pub(crate) path: Vec<u32>,
    /// What Go calls those messages.
    pub(crate) embedded: Vec<String>,
    pub(crate) field: GoField,
}

/// All structs and named types of a source tree, by full name as in OpenAPI.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    structs: BTreeMap<String, Vec<GoField>>,
    /// Named types that are no structs: what they stand for.
    named: BTreeMap<String, String>,
}

impl Sources {
    /// Reads the Go files below `root`, the directory `staging/src/k8s.io` of the release.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut sources = Self::default();
        let mut open: Vec<PathBuf> = vec![root.to_owned()];
        while let Some(dir) = open.pop() {
            let package = package_of(root, &dir);
            for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                } else if is_declaration(&path) {
                    sources.add(&package, &fs::read_to_string(&path)?);
                }
            }
        }
        Ok(sources)
    }

    fn add(&mut self, package: &str, text: &str) {
        let names = Names::of(package, text);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((name, kind)) = line
                .strip_prefix("type ")
                .and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            let name = format!("{package}.{name}");
            if kind.trim() == "struct {" {
                let body = lines.by_ref().take_while(|line| *line != "}");
                self.structs
                    .insert(name, body.filter_map(|line| field(line, &names)).collect());
            } else if !kind.contains('{') {
                self.named.insert(name, kind.trim().to_owned());
            }
        }
    }

    /// The fields of a type by their names in JSON, those of inlined structs among them.
    pub(crate) fn places(&self, name: &str) -> Vec<Place> {
        let mut places = Vec::new();
        self.collect(name, &[], &[], &mut places);
        places
    }

    /// What a type that is named in a package stands for, down to what has no name of its own.
    pub(crate) fn resolve<'a>(&'a self, package: &str, kind: &'a str) -> &'a str {
        match self.named.get(&format!("{package}.{kind}")) {
            Some(stands_for) => self.resolve(package, stands_for),
            None => kind,
        }
    }

    /// The struct itself, of one that another version of its group declares.
    fn declared(&self, name: &str) -> String {
        let stands_for = self
            .named
            .get(name)
            .map(|kind| kind.trim_start_matches("= "));
        let elsewhere = stands_for.and_then(|kind| kind.split_once('.'));
        let group = package(package(name));
        match elsewhere {
            Some((version, kind)) => format!("{group}.{version}.{kind}"),
            None => name.to_owned(),
        }
    }

    fn collect(&self, name: &str, outer: &[u32], around: &[String], places: &mut Vec<Place>) {
        let name = &self.declared(name);
        let package = package(name);
        for field in self.structs.get(name).into_iter().flatten() {
            let path = [outer, &[field.number]].concat();
            if !field.json.is_empty() {
                places.push(Place {
                    path,
                    embedded: around.to_vec(),
                    field: field.clone(),
                });
            } else if outer.len() < MAX_INLINED {
                let around = [around, std::slice::from_ref(&field.kind)].concat();
                self.collect(&format!("{package}.{}", field.kind), &path, &around, places);
            }
        }
    }
}

/// `io.k8s.api.core.v1` of `.../api/core/v1`.
fn package_of(root: &Path, dir: &Path) -> String {
    let relative = dir.strip_prefix(root).unwrap_or(dir);
    let words: Vec<_> = relative
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    format!("io.k8s.{}", words.join("."))
}

fn is_declaration(path: &Path) -> bool {
    let name = path
        .file_name()
        .map_or("".into(), |name| name.to_string_lossy());
    name.ends_with(".go")
        && !name.ends_with("_test.go")
        && !name.starts_with("generated")
        && !name.starts_with("zz_generated")
}

/// The package of a type's full name, or the group of a package's.
pub(crate) fn package(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(package, _)| package)
}

/// `Name kind `json:"name,omitempty" protobuf:"bytes,1,opt,name=name"``, or the same without a name, which embeds the type.
fn field(line: &str, names: &Names<'_>) -> Option<GoField> {
    let (declared, tags) = line.trim().split_once('`')?;
    let (json, wire) = (tag(tags, "json")?, tag(tags, "protobuf")?);
    let number = wire.split(',').nth(1)?.parse().ok()?;
    let mut words = declared.split_whitespace();
    let first = words.next()?;
    let kind = words.next().unwrap_or(first);
    let mut options = json.split(',');
    Some(GoField {
        json: options.next()?.to_owned(),
        kind: kind.to_owned(),
        printed: names.printed(kind),
        number,
        omit_empty: options.any(|option| option == "omitempty" || option == "omitzero"),
        omit_zero: json.split(',').any(|option| option == "omitzero"),
    })
}

fn tag<'a>(tags: &'a str, key: &str) -> Option<&'a str> {
    let from = tags.find(&format!("{key}:\""))? + key.len() + 2;
    tags.get(from..)?.split('"').next()
}
