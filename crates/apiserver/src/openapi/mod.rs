//! `/openapi/v3` and `/openapi/v2`: the paths and the shapes of what is served, from the table and the schema of all types.
//!
//! A document is made when it is first asked for, and kept in compressed form. Types and fields
//! have their descriptions; operations and parameters have none.

mod gnostic;
mod kept;
mod lists;
mod names;
mod operations;
mod parameters;
mod resource;
mod schemas;
#[cfg(test)]
mod tests;
mod v2;
mod v3;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use navarch_api::table::{Table, Version};
use navarch_api::texts::Texts;
use serde_json::{Value, json};

pub(crate) use kept::Kept;
use names::{of_group, pascal, tag};
use operations::{Media, Path, plain_path};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// Version 2 alone, in the message that gnostic's clients read.
    Protobuf,
}

impl Form {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        }
    }
}

/// The media types of version 2, the older name of the message among them.
pub(crate) const V2_FORMS: &[(&str, Form)] = &[
    ("application/json", Form::Json),
    (
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        Form::Protobuf,
    ),
    (
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        Form::Protobuf,
    ),
];

/// The media types of version 3.
pub(crate) const V3_FORMS: &[(&str, Form)] = &[("application/json", Form::Json)];

/// The documents.
pub(crate) struct Documents {
    table: Table,
    /// Of version 3, by the path that the index tells. Listed at first use: few servers are ever asked.
    parts: OnceLock<BTreeMap<String, Part>>,
    index: OnceLock<Kept>,
    v2: OnceLock<Kept>,
    v2_protobuf: OnceLock<Kept>,
}

/// What one document of version 3 tells.
struct Part {
    paths: Vec<Path>,
    made: OnceLock<Kept>,
}

impl Documents {
    pub(crate) fn new(table: &Table) -> Self {
        Self {
            table: table.clone(),
            parts: OnceLock::new(),
            index: OnceLock::new(),
            v2: OnceLock::new(),
            v2_protobuf: OnceLock::new(),
        }
    }

    fn parts(&self) -> &BTreeMap<String, Part> {
        let of = |paths| Part {
            paths,
            made: OnceLock::new(),
        };
        self.parts.get_or_init(|| {
            let parts = parts(&self.table).into_iter();
            parts.map(|(path, paths)| (path, of(paths))).collect()
        })
    }

    /// The document at a path.
    pub(crate) fn document(&self, path: &str) -> Option<&Kept> {
        match path {
            "/openapi/v3" | "/openapi/v3/" => Some(self.index.get_or_init(|| self.make_index())),
            "/openapi/v2" => Some(self.v2.get_or_init(|| Kept::json(&self.make_v2()))),
            _ => self.part(path.strip_prefix("/openapi/v3/")?),
        }
    }

    /// The document of version 2 as a message.
    pub(crate) fn v2_protobuf(&self) -> &Kept {
        let make = || Kept::new(&gnostic::document(&self.make_v2()));
        self.v2_protobuf.get_or_init(make)
    }

    fn make_v2(&self) -> Value {
        let paths: Vec<Path> = self
            .parts()
            .values()
            .flat_map(|part| part.paths.clone())
            .collect();
        v2::document(&paths, &Texts::unpacked())
    }

    fn part(&self, path: &str) -> Option<&Kept> {
        let part = self.parts().get(path)?;
        let make = || Kept::json(&v3::document(&part.paths, &Texts::unpacked()));
        Some(part.made.get_or_init(make))
    }

    /// Tells of each document its address, with the hash of what it holds: clients keep it for as long as that holds.
    fn make_index(&self) -> Kept {
        // All of them are made: the texts are unpacked once.
        let _texts = Texts::unpacked();
        let paths: serde_json::Map<String, Value> = self
            .parts()
            .keys()
            .filter_map(|path| {
                let url = format!("/openapi/v3/{path}?hash={}", self.part(path)?.hash);
                Some((path.clone(), json!({"serverRelativeURL": url})))
            })
            .collect();
        Kept::json(&json!({"paths": paths}))
    }
}

/// What there is at which document of version 3.
fn parts(table: &Table) -> BTreeMap<String, Vec<Path>> {
    let discovery = |path: &str, id: &str, tag: &str, answer: &str| {
        let answer = format!("{META}.{answer}");
        plain_path(
            path.to_owned(),
            id.to_owned(),
            tag.to_owned(),
            &answer,
            Media::Objects,
        )
    };
    let version = plain_path(
        "/version/".into(),
        "getCodeVersion".into(),
        "version".into(),
        "io.k8s.apimachinery.pkg.version.Info",
        Media::Json,
    );
    let core = discovery("/api/", "getCoreAPIVersions", "core", "APIVersions");
    let groups = discovery("/apis/", "getAPIVersions", "apis", "APIGroupList");
    let mut parts = BTreeMap::from([
        ("api".to_owned(), vec![core]),
        ("apis".to_owned(), vec![groups]),
        ("version".to_owned(), vec![version]),
    ]);
    for (group, held) in table.groups() {
        let name = of_group(group);
        if !group.is_empty() {
            let path = format!("/apis/{group}/");
            let of_group = discovery(
                &path,
                &format!("get{name}APIGroup"),
                &tag(group),
                "APIGroup",
            );
            parts.insert(format!("apis/{group}"), vec![of_group]);
        }
        for (version, resources) in held.versions() {
            let prefix = match group {
                "" => format!("api/{version}"),
                _ => format!("apis/{group}/{version}"),
            };
            let id = format!("get{name}{}APIResources", pascal(version));
            let tag = format!("{}_{version}", tag(group));
            let mut paths = vec![discovery(
                &format!("/{prefix}/"),
                &id,
                &tag,
                "APIResourceList",
            )];
            paths.extend(of_version(&prefix, resources));
            parts.insert(prefix, paths);
        }
    }
    parts
}

fn of_version(prefix: &str, resources: &Version) -> Vec<Path> {
    let mut paths: Vec<Path> = resources
        .resources()
        .flat_map(|def| resource::paths(prefix, def))
        .collect();
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    paths
}
