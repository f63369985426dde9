//! Content negotiation: what a client sends, and what it takes.

mod header;
#[cfg(test)]
mod tests;

use navarch_machinery::status::{Result, StatusError};

use super::Verb;
use super::params::boolean;
use header::{Choice, choices};

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
    Protobuf,
}

impl Format {
    /// In the order in which a choice of several is read.
    const ALL: [Self; 3] = [Self::Json, Self::Yaml, Self::Protobuf];

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }
}

const STREAMS: &str =
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

/// What an answer is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The object as it is.
    Plain,
    /// `meta.k8s.io` Table.
    Table,
    /// `meta.k8s.io` PartialObjectMetadata.
    Metadata,
    /// `meta.k8s.io` PartialObjectMetadataList.
    MetadataList,
}

/// What was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) format: Format,
    pub(crate) shape: Shape,
    /// The version of `meta.k8s.io` that a shape of it is in.
    pub(crate) meta: &'static str,
    /// Whether JSON is for people to read.
    pub(crate) pretty: bool,
}

impl Accepted {
    pub(crate) const JSON: Self = Self {
        format: Format::Json,
        shape: Shape::Plain,
        meta: "meta.k8s.io/v1",
        pretty: false,
    };
}

/// The parameters of a choice that say something.
#[derive(Debug, Default)]
struct Parameters<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    /// Whether one of the above is there.
    converts: bool,
    stream: &'a str,
    server_version: &'a str,
    pretty: &'a str,
}

impl<'a> Parameters<'a> {
    fn of(choice: &Choice<'a>) -> Self {
        let mut all = Self::default();
        for (key, value) in &choice.parameters {
            let place = match *key {
                "as" => &mut all.kind,
                "g" => &mut all.group,
                "v" => &mut all.version,
                "stream" => &mut all.stream,
                "sv" => &mut all.server_version,
                "pretty" => &mut all.pretty,
                _ => continue,
            };
            *place = value;
            all.converts |= matches!(*key, "as" | "g" | "v");
        }
        all
    }

    /// What it asks for of a resource. `None`: nothing that there is.
    fn of_resource(&self, format: Format) -> Option<Accepted> {
        if !matches!(self.server_version, "" | "v1") || !self.streams(format) {
            return None;
        }
        let pretty = self.pretty == "1";
        if !self.converts {
            return Some(Accepted {
                format,
                pretty,
                ..Accepted::JSON
            });
        }
        let meta = match (self.group, self.version) {
            ("meta.k8s.io", "v1") => "meta.k8s.io/v1",
            ("meta.k8s.io", "v1beta1") => "meta.k8s.io/v1beta1",
            _ => return None,
        };
        let shape = match self.kind {
            "Table" if format != Format::Protobuf => Shape::Table,
            "PartialObjectMetadata" => Shape::Metadata,
            "PartialObjectMetadataList" => Shape::MetadataList,
            _ => return None,
        };
        Some(Accepted {
            format,
            shape,
            meta,
            pretty,
        })
    }

    fn streams(&self, format: Format) -> bool {
        self.stream.is_empty() || (self.stream == "watch" && format != Format::Yaml)
    }
}

/// The first form that one of the choices means and `takes` takes.
fn first<T>(header: &str, takes: impl Fn(&Parameters<'_>, Format) -> Option<T>) -> Option<T> {
    choices(header).iter().find_map(|choice| {
        let parameters = Parameters::of(choice);
        let mut formats = Format::ALL.into_iter();
        formats.find_map(|format| {
            let matches = choice.matches(format.content_type());
            matches.then(|| takes(&parameters, format)).flatten()
        })
    })
}

/// The answer's form for a resource.
///
/// `tables`: whether the resource can be told as a table: a question that is answered and not kept cannot. `protobuf`: whether the
/// resource's own kind can be written so; the kinds of `meta.k8s.io` always can.
pub(crate) fn negotiate(
    header: Option<&str>,
    verb: Verb,
    tables: bool,
    protobuf: impl FnOnce() -> bool,
) -> Result<Accepted> {
    let Some(header) = header.filter(|header| !matches!(*header, "" | "*/*" | "application/json"))
    else {
        return Ok(Accepted::JSON);
    };
    let protobuf = protobuf();
    let lists = matches!(verb, Verb::List | Verb::Watch);
    if protobuf && !produced(header) {
        let all = media_types();
        return Err(match lists {
            true => no_route(&format!("{all}, {STREAMS}")),
            false => no_route(&all),
        });
    }
    let accepted = first(header, |parameters, format| {
        let accepted = parameters.of_resource(format)?;
        let plain = (Format::Protobuf, Shape::Plain) == (accepted.format, accepted.shape);
        let told = tables || accepted.shape != Shape::Table;
        (told && (protobuf || !plain)).then_some(accepted)
    });
    let accepted = accepted.ok_or_else(|| only(&media_types()))?;
    if verb == Verb::Watch && accepted.format == Format::Yaml {
        return Err(only(STREAMS));
    }
    Ok(accepted)
}

/// Whether a route is found for the header: by the names alone, of which only the widest may stand for others.
fn produced(header: &str) -> bool {
    names(header, &Format::ALL)
}

fn names(header: &str, formats: &[Format]) -> bool {
    header.split(',').any(|choice| {
        let media = choice.split(';').next().unwrap_or_default();
        let media = media.trim_matches(' ');
        media == "*/*" || formats.iter().any(|format| format.content_type() == media)
    })
}

/// The refusal where no route is found.
fn no_route(types: &str) -> StatusError {
    StatusError {
        details: Some(Box::default()),
        ..StatusError::not_acceptable(format!(
            "406: Not Acceptable\n\nAvailable representations: {types}"
        ))
    }
}

fn media_types() -> String {
    Format::ALL.map(Format::content_type).join(", ")
}

fn only(types: &str) -> StatusError {
    StatusError::not_acceptable(format!(
        "only the following media types are accepted: {types}"
    ))
}

/// The form of a document. `named`: whether one of its media types must be named before anything else is looked at.
pub(crate) fn document_format(header: Option<&str>, named: bool) -> Result<Format> {
    let all = media_types();
    if named && header.is_some_and(|header| !header.is_empty() && !produced(header)) {
        return Err(no_route(&all));
    }
    plain_format(header).ok_or_else(|| only(&all))
}

/// Refuses a client that does not take JSON, of what has no other form.
pub(crate) fn json_alone(header: Option<&str>) -> Result<()> {
    let json = Format::Json.content_type();
    match header.filter(|header| !header.is_empty()) {
        Some(header) if !names(header, &[Format::Json]) => Err(no_route(json)),
        _ => Ok(()),
    }
}

/// The form of an error: as asked for where possible. `None`: nothing that there is.
pub(crate) fn plain_format(header: Option<&str>) -> Option<Format> {
    let Some(header) = header.filter(|header| !header.is_empty()) else {
        return Some(Format::Json);
    };
    first(header, |parameters, format| {
        let plain = !parameters.converts
            && parameters.server_version.is_empty()
            && parameters.streams(format);
        plain.then_some(format)
    })
}

/// The form of aggregated discovery, where the client asks for that before anything else it takes.
pub(crate) fn aggregated_discovery(header: Option<&str>) -> Option<Format> {
    first(header?, |parameters, format| {
        let asked = (parameters.group, parameters.version, parameters.kind);
        let aggregated = asked == ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList");
        let fits = parameters.server_version.is_empty() && parameters.streams(format);
        (aggregated && fits).then_some(format)
    })
}

/// Whether a client takes compressed answers.
pub(crate) fn takes_gzip(encodings: Option<&str>) -> bool {
    let mut named = encodings.into_iter().flat_map(|all| all.split(','));
    named.any(|one| one.trim().split(';').next() == Some("gzip"))
}

/// The first of these media types that the client takes; what they are called in answers stands beside them.
pub(crate) fn one_of<T: Copy>(header: Option<&str>, offered: &[(&str, T)]) -> Option<T> {
    let header = header.filter(|header| !header.is_empty()).unwrap_or("*/*");
    choices(header).iter().find_map(|choice| {
        let found = offered.iter().find(|(media, _)| {
            let (kind, subtype) = media.split_once('/').unwrap_or((media, ""));
            (choice.kind == "*" || choice.kind == kind)
                && (choice.subtype == "*" || choice.subtype == subtype)
        });
        found.map(|(_, what)| *what)
    })
}

/// The form of a body that is an object. `protobuf`: whether that is one of the forms.
pub(crate) fn body_format(
    content_type: Option<&str>,
    protobuf: impl FnOnce() -> bool,
) -> Result<Format> {
    let media = media(content_type);
    if media.is_empty() || media == Format::Json.content_type() {
        return Ok(Format::Json);
    }
    let protobuf = protobuf();
    let forms = || {
        Format::ALL
            .into_iter()
            .filter(|format| protobuf || *format != Format::Protobuf)
    };
    let known = forms().find(|format| media.eq_ignore_ascii_case(format.content_type()));
    known.ok_or_else(|| {
        let all: Vec<&str> = forms().map(Format::content_type).collect();
        StatusError::unsupported_media_type(format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            all.join(", ")
        ))
    })
}

/// Whether JSON is for a person: the query says so, or the program that asks is one that a person looks at.
pub(crate) fn for_people(pretty: &str, agent: Option<&str>) -> bool {
    const SEEN: [&str; 3] = ["curl", "Wget", "Mozilla/5.0"];
    if !pretty.is_empty() {
        return boolean(pretty).unwrap_or(false);
    }
    agent.is_some_and(|agent| SEEN.iter().any(|seen| agent.starts_with(seen)))
}

/// The media type without its parameters.
pub(crate) fn media(content_type: Option<&str>) -> &str {
    content_type
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim)
}
