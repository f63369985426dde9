//! Content negotiation: what a client sends, and what it takes.

use navarch_machinery::status::{Result, StatusError};

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
        }
    }
}

/// What an answer is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The object as it is.
    Plain,
    /// `meta.k8s.io/v1` Table.
    Table,
    /// `meta.k8s.io/v1` PartialObjectMetadata, or a list of it.
    Metadata,
}

/// What was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) format: Format,
    pub(crate) shape: Shape,
}

impl Accepted {
    pub(crate) const JSON: Self = Self {
        format: Format::Json,
        shape: Shape::Plain,
    };
}

/// One choice of an Accept header.
struct Choice<'a> {
    media: &'a str,
    group: &'a str,
    version: &'a str,
    shape: &'a str,
    quality: f32,
}

fn choices(header: &str) -> Vec<Choice<'_>> {
    let mut all: Vec<Choice<'_>> = header.split(',').filter_map(choice).collect();
    all.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    all
}

fn choice(text: &str) -> Option<Choice<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?;
    let mut choice = Choice {
        media,
        group: "",
        version: "",
        shape: "",
        quality: 1.0,
    };
    for parameter in parts {
        match parameter.split_once('=') {
            Some(("as", value)) => choice.shape = value,
            Some(("g", value)) => choice.group = value,
            Some(("v", value)) => choice.version = value,
            Some(("q", value)) => choice.quality = value.parse().unwrap_or(0.0),
            _ => {}
        }
    }
    Some(choice)
}

fn format(media: &str) -> Option<Format> {
    match media {
        "*/*" | "application/*" | "application/json" => Some(Format::Json),
        "application/yaml" => Some(Format::Yaml),
        _ => None,
    }
}

/// The answer's form for a resource. `None`: the client said nothing.
pub(crate) fn negotiate(header: Option<&str>) -> Result<Accepted> {
    let Some(header) = header.filter(|header| !matches!(*header, "" | "*/*" | "application/json"))
    else {
        return Ok(Accepted::JSON);
    };
    for choice in choices(header) {
        let Some(format) = format(choice.media) else {
            continue;
        };
        let meta = choice.group == "meta.k8s.io" && matches!(choice.version, "v1" | "v1beta1");
        let shape = match choice.shape {
            "" => Shape::Plain,
            "Table" if meta => Shape::Table,
            "PartialObjectMetadata" | "PartialObjectMetadataList" if meta => Shape::Metadata,
            _ => continue,
        };
        return Ok(Accepted { format, shape });
    }
    Err(not_acceptable())
}

/// The form of an error: as asked for where possible, JSON otherwise.
pub(crate) fn error_format(header: Option<&str>) -> Format {
    let first = header.and_then(|header| {
        choices(header)
            .into_iter()
            .find_map(|choice| format(choice.media))
    });
    first.unwrap_or(Format::Json)
}

/// Whether the client asks for aggregated discovery (version 2) before anything else it takes.
pub(crate) fn aggregated_discovery(header: Option<&str>) -> bool {
    let Some(header) = header else { return false };
    for choice in choices(header) {
        if format(choice.media) != Some(Format::Json) {
            continue;
        }
        return choice.group == "apidiscovery.k8s.io"
            && choice.version == "v2"
            && choice.shape == "APIGroupDiscoveryList";
    }
    false
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    Json,
    Yaml,
    /// Read, but not yet written.
    Protobuf,
}

/// The form of a body that is an object.
pub(crate) fn body_format(content_type: Option<&str>) -> Result<BodyFormat> {
    match media(content_type) {
        "" | "application/json" => Ok(BodyFormat::Json),
        "application/yaml" => Ok(BodyFormat::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(BodyFormat::Protobuf),
        _ => Err(StatusError::unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// The media type without its parameters.
pub(crate) fn media(content_type: Option<&str>) -> &str {
    content_type
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim)
}

/// 406, with what there is.
pub(crate) fn not_acceptable() -> StatusError {
    let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
                   application/vnd.kubernetes.protobuf, application/json;stream=watch, \
                   application/vnd.kubernetes.protobuf;stream=watch";
    StatusError {
        details: Some(Box::default()),
        ..StatusError::not_acceptable(message)
    }
}
