//! What can be done at which path, from the table: the same for both versions of OpenAPI.

use super::parameters::Parameter;

/// What an answer or a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Of the type of that name.
    Type(String),
    Text,
}

/// In which media types something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Any,
    Json,
    /// The forms of an object.
    Objects,
    /// The forms of an object and of a watch.
    Streams,
    /// Text, or what stands in its place.
    Log,
    Patches,
}

impl Media {
    pub(super) fn types(self) -> &'static [&'static str] {
        const ALL: &[&str] = &[
            "text/plain",
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
            "application/json;stream=watch",
            "application/vnd.kubernetes.protobuf;stream=watch",
        ];
        match self {
            Self::Any => &["*/*"],
            Self::Json => &["application/json"],
            Self::Objects => ALL.get(1..4).unwrap_or_default(),
            Self::Streams => ALL.get(1..).unwrap_or_default(),
            Self::Log => ALL.get(..4).unwrap_or_default(),
            Self::Patches => &[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ],
        }
    }
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// `get`, as OpenAPI has it.
    pub(super) method: &'static str,
    pub(super) id: String,
    pub(super) tag: String,
    /// Kubernetes' word for what it does; none where the path is no resource's.
    pub(super) action: Option<&'static str>,
    /// Group, version and kind that it is about.
    pub(super) kind: Option<[String; 3]>,
    /// All but the body, in the order of their names.
    pub(super) parameters: Vec<Parameter>,
    /// The body, and whether there must be one.
    pub(super) body: Option<(String, bool)>,
    pub(super) consumes: Media,
    pub(super) produces: Media,
    pub(super) answer: Content,
    /// The codes with which that is answered.
    pub(super) codes: &'static [u16],
}

/// A path and all its operations.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) path: String,
    pub(super) operations: Vec<Operation>,
}

/// A path that is no resource's: discovery, the version.
pub(super) fn plain_path(path: String, id: String, tag: String, answer: &str, of: Media) -> Path {
    let operation = Operation {
        method: "get",
        id,
        tag,
        action: None,
        kind: None,
        parameters: Vec::new(),
        body: None,
        consumes: of,
        produces: of,
        answer: Content::Type(answer.to_owned()),
        codes: &[200],
    };
    Path {
        path,
        operations: vec![operation],
    }
}

impl Path {
    /// The parameters that all operations have, which are told once.
    pub(super) fn common(&self) -> Vec<Parameter> {
        let Some((first, others)) = self.operations.split_first() else {
            return Vec::new();
        };
        let everywhere = |parameter: &Parameter| {
            others
                .iter()
                .all(|operation| operation.parameters.contains(parameter))
        };
        first
            .parameters
            .iter()
            .copied()
            .filter(everywhere)
            .collect()
    }
}
