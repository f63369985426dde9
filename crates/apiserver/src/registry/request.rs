//! One request to a resource, as the verbs see it: where it came from makes no difference.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use navarch_api::call::PatchKind;
use navarch_api::strategy::Part;
use navarch_auth::UserInfo;
use navarch_machinery::object::Object;
use serde_json::Value;

use crate::managed::Writer;
use crate::request::{Params, RequestInfo};
use crate::served::Served;

/// A request that has been authenticated and authorized, and whose resource is known.
pub(crate) struct Request<'a> {
    pub(crate) info: &'a RequestInfo<'a>,
    pub(crate) params: &'a Params<'a>,
    pub(crate) served: &'a Arc<Served>,
    /// Who sends it: the user agent, or the name of the part of this process.
    pub(crate) agent: &'a str,
    /// Who asks.
    pub(crate) user: &'a UserInfo,
    pub(crate) body: Input,
    /// When it came: what is written for it says this time.
    pub(crate) now: Timestamp,
    /// What the client will be warned of.
    pub(crate) warnings: Vec<String>,
}

impl<'a> Request<'a> {
    /// Who writes, for the managed fields.
    pub(crate) fn writer(&self) -> Writer<'a> {
        let (given, version) = (&self.params.field_manager, &self.served.api_version);
        Writer::new(given, self.agent, version, &self.info.subresource, self.now)
    }

    pub(crate) fn namespace(&self) -> &str {
        if self.served.def.is_namespaced() {
            &self.info.namespace
        } else {
            ""
        }
    }

    pub(crate) fn key(&self) -> String {
        self.served.key(self.namespace(), &self.info.name)
    }

    /// A 404 for the object that the request names.
    pub(crate) fn not_found(&self) -> navarch_machinery::status::StatusError {
        self.served.not_found(&self.info.name)
    }
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Nothing.
    None,
    /// JSON from a stranger.
    Json(Bytes),
    /// YAML from a stranger.
    Yaml(Bytes),
    /// An object from this process.
    Object(Arc<dyn Object>),
    /// JSON from this process.
    Value(Value),
    /// A patch, as JSON from a stranger; what is to be applied, as YAML.
    Patch(PatchKind, Bytes),
    /// A patch from this process.
    PatchValue(PatchKind, Value),
}

impl Input {
    /// The kind of patch that it is.
    pub(crate) fn patch_kind(&self) -> Option<PatchKind> {
        match self {
            Self::Patch(kind, _) | Self::PatchValue(kind, _) => Some(*kind),
            _ => None,
        }
    }
}

/// Which part of the object a subresource writes.
pub(crate) fn part_of(subresource: &str) -> Part {
    match subresource {
        "" => Part::Main,
        "status" => Part::Status,
        "ephemeralcontainers" => Part::Other("ephemeralcontainers"),
        "resize" => Part::Other("resize"),
        "finalize" => Part::Other("finalize"),
        "approval" => Part::Other("approval"),
        _ => Part::Other("other"),
    }
}
