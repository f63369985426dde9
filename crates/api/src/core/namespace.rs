//! Namespaces: born active with the finalizer that empties them, labelled with their own name.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;
use serde_json::Value;

use crate::cell;
use crate::check::found;
use crate::def::Column;
use crate::metadata::check_known_finalizer;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

/// The finalizer that stands for everything in the namespace.
pub const FINALIZER: &str = "kubernetes";
/// The label that holds the namespace's name.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

const ACTIVE: &str = "Active";
const TERMINATING: &str = "Terminating";

impl Hooks for Namespace {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of("Status", "string", "", 0, "The status of the namespace"),
        cell::AGE,
    ];
    const FIELDS: &'static [&'static str] = &["status.phase"];

    fn apply_defaults(&mut self) {
        label(self);
        self.spec.get_or_insert_default();
        let phase = &mut self.status.get_or_insert_default().phase;
        if phase.as_deref().unwrap_or_default().is_empty() {
            *phase = Some(ACTIVE.to_owned());
        }
    }

    fn prepare_for_create(&mut self) {
        label(self);
        let status = self.status.insert(Default::default());
        status.phase = Some(ACTIVE.to_owned());
        let finalizers = self
            .spec
            .get_or_insert_default()
            .finalizers
            .get_or_insert_default();
        if !finalizers.iter().any(|f| f == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        match part {
            Part::Main => {
                self.spec.clone_from(&old.spec);
                self.status.clone_from(&old.status);
            }
            Part::Status => self.spec.clone_from(&old.spec),
            Part::Other(_) => self.status.clone_from(&old.status),
        }
    }

    fn scope(part: Part) -> Scope {
        match part {
            Part::Status => Scope::AllBut(&["spec"]),
            // The finalizers of the spec are written by a subresource that leaves the status alone as well.
            _ => Scope::AllBut(&["status"]),
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::label(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        // A new namespace's finalizers are told of without saying which.
        let path = Path::new("spec").child("finalizers");
        finalizers(self)
            .flat_map(|finalizer| validate_finalizer(finalizer, &path))
            .collect()
    }

    fn validate_change(&self, part: Part, _old: &Self) -> ErrorList {
        let path = Path::new("spec").child("finalizers");
        match part {
            Part::Main => self.validate(),
            Part::Status => validate_phase(self),
            Part::Other(_) => finalizers(self)
                .enumerate()
                .flat_map(|(at, finalizer)| validate_finalizer(finalizer, &path.index(at)))
                .collect(),
        }
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            phase(self).into(),
            cell::age(&self.metadata, now),
        ]
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == "status.phase").then(|| phase(self).to_owned())
    }
}

fn label(namespace: &mut Namespace) {
    if let Some(name) = namespace
        .metadata
        .name
        .clone()
        .filter(|name| !name.is_empty())
    {
        namespace
            .metadata
            .labels
            .get_or_insert_default()
            .insert(NAME_LABEL.to_owned(), name);
    }
}

fn phase(namespace: &Namespace) -> &str {
    namespace
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

fn finalizers(namespace: &Namespace) -> impl Iterator<Item = &String> {
    let spec = namespace.spec.iter();
    spec.flat_map(|spec| spec.finalizers.iter().flatten())
}

fn validate_finalizer(finalizer: &str, path: &Path) -> ErrorList {
    let mut errors = found(finalizer, is_qualified_name(finalizer), path);
    errors.extend(check_known_finalizer(finalizer, path));
    errors
}

fn validate_phase(namespace: &Namespace) -> ErrorList {
    let (wanted, when) = match namespace.metadata.deletion_timestamp {
        None => (
            ACTIVE,
            "may only be 'Active' if `deletionTimestamp` is empty",
        ),
        Some(_) => (
            TERMINATING,
            "may only be 'Terminating' if `deletionTimestamp` is not empty",
        ),
    };
    if phase(namespace) == wanted {
        return ErrorList::new();
    }
    vec![Error::invalid(
        &Path::new("status").child("Phase"),
        phase(namespace),
        when,
    )]
}
