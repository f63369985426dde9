//! What a body says it is, against what the path says.

use std::borrow::Cow;

use navarch_api::schema::schema;
use navarch_machinery::status::{Result, StatusError};

use super::members::without_type;
use super::meta::TypeMeta;
use crate::served::{Directory, Served};

/// What a body is, with what it leaves out as the path has it.
pub(in crate::registry) struct Claim<'a> {
    api_version: &'a str,
    kind: &'a str,
}

impl<'a> Claim<'a> {
    pub(in crate::registry) fn new(meta: &'a TypeMeta, served: &'a Served) -> Self {
        let or = |given: &'a str, other: &'a str| if given.is_empty() { other } else { given };
        Self {
            api_version: or(meta.version(), &served.api_version),
            kind: or(&meta.kind, &served.def.kind),
        }
    }

    fn group_version(&self) -> (&'a str, &'a str) {
        self.api_version
            .split_once('/')
            .unwrap_or(("", self.api_version))
    }

    /// The refusal of a body that cannot be what the path asks for.
    pub(super) fn cannot(&self, served: &Served, why: &str) -> StatusError {
        let (kind, version) = (self.kind, self.group_version().1);
        StatusError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {}: {why}",
            served.def.kind
        ))
    }

    /// Whether it is of the path's version and kind.
    pub(in crate::registry) fn fits(&self, served: &Served) -> bool {
        self.api_version == served.api_version && self.kind == &*served.def.kind
    }

    /// Refuses what is not of the path's kind, as late as Kubernetes does: what is of another one is decoded first.
    pub(super) fn check(&self, directory: &Directory, served: &Served, json: &[u8]) -> Result<()> {
        if self.fits(served) {
            return Ok(());
        }
        let read = self.read(directory, served, json);
        read.map_err(|why| self.cannot(served, &why))?;
        let group = self.group_version().0;
        let same_package = internal_package(group) == internal_package(&served.def.group);
        if self.kind == &*served.def.kind && same_package {
            return Err(StatusError::bad_request(format!(
                "the API version in the data ({}) does not match the expected API version ({})",
                self.api_version, served.api_version
            )));
        }
        Err(self.cannot(served, &self.not_converted(served)))
    }

    /// Why what does not fit is not taken, where it is no body but what a patch has made: another version of the kind is another kind.
    pub(in crate::registry) fn misfit(
        &self,
        directory: &Directory,
        served: &Served,
        json: &[u8],
    ) -> String {
        match self.read(directory, served, json) {
            Ok(()) => self.not_converted(served),
            Err(why) => why,
        }
    }

    /// Decodes what is of another kind, if the server of the path's group knows it.
    fn read(
        &self,
        directory: &Directory,
        served: &Served,
        json: &[u8],
    ) -> std::result::Result<(), String> {
        let (group, version) = self.group_version();
        let row = directory.table.kind(group, version, self.kind);
        if !self.is_registered(served, row.is_some()) {
            let (kind, api_version) = (self.kind, self.api_version);
            let scheme = served.scheme();
            return Err(format!(
                "no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}"
            ));
        }
        row.map_or(Ok(()), |row| row.strategy.decode(json).map(drop))
    }

    fn not_converted(&self, served: &Served) -> String {
        let (version, from, to) = (self.group_version().1, self.kind, &served.def.kind);
        let internal = internal_package(&served.def.group);
        format!("converting ({version}.{from}) to ({internal}.{to}): unknown conversion")
    }

    /// Whether the server of the path's group knows the kind: those of extensions and of aggregation know only their own.
    fn is_registered(&self, served: &Served, served_here: bool) -> bool {
        let (group, version) = self.group_version();
        let everywhere = group.is_empty() && matches!(self.kind, "Status" | "APIGroup");
        let same_server = scheme(group) == scheme(&served.def.group);
        let known = served_here
            || schema().kind(group, version, self.kind).is_some()
            || (self.api_version, self.kind) == ("v1", "List");
        known && (same_server || everywhere)
    }
}

/// The body as a type takes it that knows no blank version or kind.
pub(super) fn typed<'j>(json: &'j [u8], meta: &TypeMeta, served: &Served) -> Cow<'j, [u8]> {
    if meta.api_version == served.api_version && meta.kind == *served.def.kind {
        return Cow::Borrowed(json);
    }
    without_type(json).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// Which of Kubernetes' servers has the group.
fn scheme(group: &str) -> &str {
    match group {
        "apiextensions.k8s.io" | "apiregistration.k8s.io" | "meta.k8s.io" => group,
        _ => "",
    }
}

/// What Kubernetes calls the package of a group's types of no version.
fn internal_package(group: &str) -> &str {
    match group {
        "" | "events.k8s.io" => "core",
        "internal.apiserver.k8s.io" => "apiserverinternal",
        _ => group.split('.').next().unwrap_or(group),
    }
}
