//! Applying: what an object becomes, and who owns what of it then.

use std::borrow::Cow;

use navarch_api::strategy::Part;
use navarch_machinery::apply::{
    Applied, ApplyError, Conflicts, Entry as Owner, OtherVersions, Tree, Write,
    allowed_by_last_applied, apply,
};
use navarch_machinery::status::{Result, StatusError};
use navarch_store::Entry;

use super::updated::live_json;
use super::{Managed, Writer, versions};
use crate::ApiServer;
use crate::served::Served;

/// The manager under which kubectl applies, to which what it applied on its own belongs.
const KUBECTL: &str = "kubectl";

/// Where kubectl keeps what it applied on its own.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// As much text the annotations of an object may hold.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// One apply.
pub(crate) struct Applying<'a> {
    pub(crate) writer: &'a Writer<'a>,
    pub(crate) part: Part,
    pub(crate) document: &'a Tree<'a>,
    pub(crate) force: bool,
}

/// Group, version and kind.
pub(crate) type Kind<'k> = (&'k str, &'k str, &'k str);

impl ApiServer {
    /// What an object becomes when the document is applied to it, as JSON, and its managers. `live`: what is there.
    pub(crate) fn applied(
        &self,
        served: &Served,
        applying: &Applying<'_>,
        live: Option<&Entry>,
    ) -> Result<(Vec<u8>, Managed)> {
        let def = &served.def;
        let Some(ty) = served.ty else {
            return Err(StatusError::internal(format!("{def:?} has no type")));
        };
        let before = live.map(Managed::of).unwrap_or_default();
        let json = live.map_or(Cow::Borrowed(&b"{}"[..]), |live| live_json(served, live));
        let tree = Tree::parse(&json).map_err(StatusError::internal)?;
        let write = applying.writer.write(ty, def.strategy.scope(applying.part));
        let others = |version: &str, new: &Tree<'_>| {
            versions::diff_in(&self.directory, served, version, live, new)
        };
        let live = Live {
            object: live.map(|_| &tree),
            owners: before.owners(),
            others: &others,
        };
        let kind = (&*def.group, &*def.version, &*def.kind);
        let applied = run(&write, kind, applying.document, &live, applying.force)?;
        let json = serde_json::to_vec(&applied.object).map_err(StatusError::internal)?;
        Ok((json, Managed::encoded(applied.managers)))
    }
}

/// What is applied to.
pub(crate) struct Live<'a, 'd> {
    pub(crate) object: Option<&'a Tree<'a>>,
    pub(crate) owners: Vec<Owner<'a>>,
    pub(crate) others: &'d OtherVersions<'d>,
}

/// Applies a document, with what Kubernetes does for kubectl alone.
pub(crate) fn run<'a, 'w: 'a>(
    write: &Write<'w>,
    kind: Kind<'_>,
    document: &'a Tree<'a>,
    live: &Live<'a, '_>,
    force: bool,
) -> Result<Applied<'a>> {
    check_document(kind, document)?;
    let run = |force| {
        let owners = live.owners.clone();
        apply(write, live.object, document, owners, force, live.others)
    };
    let mut result = run(force);
    if let Err(ApplyError::Conflicts(conflicts)) = &result
        && write.manager == KUBECTL
    {
        result = match left_of(write, live.object, conflicts) {
            None => run(true),
            Some(left) => Err(ApplyError::Conflicts(left)),
        };
    }
    let mut applied = result.map_err(|error| refused(kind, document, error))?;
    if write.manager == KUBECTL {
        renew_last_applied(&mut applied.object, document);
    }
    Ok(applied)
}

/// Refuses a document that is of another kind, or states managers.
fn check_document((group, version, kind): Kind<'_>, document: &Tree<'_>) -> Result<()> {
    let text = |name: &str| {
        document
            .get(name)
            .and_then(Tree::as_str)
            .unwrap_or_default()
    };
    let given = text("apiVersion");
    let (given_group, given_version) = given.split_once('/').unwrap_or(("", given));
    let given = (given_group, given_version, text("kind"));
    if given != (group, version, kind) {
        let message = format!("invalid object type: {}", shown(given));
        return Err(StatusError::bad_request(message));
    }
    let metadata = document.get("metadata");
    let managers = metadata.and_then(|meta| meta.get("managedFields"));
    if managers.is_some_and(|given| !given.is_null()) {
        return Err(StatusError::bad_request(
            "metadata.managedFields must be nil",
        ));
    }
    Ok(())
}

fn shown((group, version, kind): Kind<'_>) -> String {
    format!("{group}/{version}, Kind={kind}")
}

/// The conflicts that are not over what kubectl applied on its own before.
fn left_of(write: &Write<'_>, live: Option<&Tree<'_>>, conflicts: &Conflicts) -> Option<Conflicts> {
    let parsed = live
        .and_then(last_applied)
        .map(|text| Tree::parse(text.as_bytes()));
    match (live, parsed) {
        (Some(live), Some(Ok(last))) => {
            allowed_by_last_applied(write, live, &last, conflicts.clone())
        }
        _ => Some(conflicts.clone()),
    }
}

fn last_applied<'t>(object: &'t Tree<'_>) -> Option<&'t str> {
    let annotation = object
        .get("metadata")?
        .get("annotations")?
        .get(LAST_APPLIED)?;
    annotation.as_str().filter(|text| !text.is_empty())
}

/// Keeps the annotation of a client-side apply true, where there is one.
fn renew_last_applied<'a>(object: &mut Tree<'a>, document: &Tree<'a>) {
    if last_applied(object).is_none() {
        return;
    }
    let mut document = document.clone();
    let annotations = document
        .get_mut("metadata")
        .and_then(|meta| meta.get_mut("annotations"));
    if let Some(annotations) = annotations {
        annotations.take(LAST_APPLIED);
    }
    let Ok(text) = serde_json::to_string(&document) else {
        return;
    };
    let annotations = object
        .get_mut("metadata")
        .and_then(|meta| meta.get_mut("annotations"));
    let Some(annotations) = annotations else {
        return;
    };
    annotations.set(LAST_APPLIED, Tree::String(Cow::Owned(text + "\n")));
    let length =
        |(name, value): &(Cow<'_, str>, Tree<'_>)| name.len() + value.as_str().map_or(0, str::len);
    if annotations.members().iter().map(length).sum::<usize>() > MAX_ANNOTATIONS {
        annotations.take(LAST_APPLIED);
    }
}

fn refused(kind: Kind<'_>, document: &Tree<'_>, error: ApplyError) -> StatusError {
    match error {
        ApplyError::Conflicts(conflicts) => StatusError::apply_conflict(&conflicts),
        ApplyError::Invalid(why) => {
            let metadata = document.get("metadata");
            let text = |name: &str| {
                metadata
                    .and_then(|meta| meta.get(name)?.as_str())
                    .unwrap_or_default()
            };
            let (namespace, name, kind) = (text("namespace"), text("name"), shown(kind));
            let message =
                format!("failed to create typed patch object ({namespace}/{name}; {kind}): {why}");
            StatusError::new(500, "", message)
        }
    }
}
