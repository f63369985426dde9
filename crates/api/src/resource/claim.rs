//! Resource claims: devices that somebody wants, and those that were given.

mod change;
mod defaults;
pub(super) mod names;
mod shown;
mod spec;
mod status;

use jiff::Timestamp;
use k8s_openapi::api::resource::v1::{ResourceClaim, ResourceClaimStatus};
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::metadata::keep_for_status;
use crate::naming;
use crate::pod::absent::items;
use crate::strategy::{self, Hooks, MetadataRules, Part};

pub(super) use defaults::default_spec;
pub(super) use shown::spec as shown_spec;
pub(super) use spec::check as check_spec;

impl Hooks for ResourceClaim {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "State",
            "string",
            "",
            0,
            "A summary of the current state (allocated, pending, reserved, etc.).",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        default_spec(&mut self.spec);
        defaults::default_status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(ResourceClaimStatus::default());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part != Part::Status {
            self.status.clone_from(&old.status);
            return;
        }
        self.spec.clone_from(&old.spec);
        keep_for_status(&mut self.metadata, &old.metadata);
        change::drop_deallocated(self.status.get_or_insert_default(), old.status.as_ref());
    }

    fn scope(part: Part) -> Scope {
        strategy::status_alone(part)
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    // What a claim asks for never changes: it is checked once.
    fn validate_create(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        check_spec(&mut errors, &Path::new("spec"), &self.spec);
        errors
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return status::errors(self, old);
        }
        if self.spec == old.spec {
            return ErrorList::new();
        }
        let shown = shown_spec(&self.spec);
        vec![Error::invalid(
            &Path::new("spec"),
            shown,
            "field is immutable",
        )]
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let deleted = self.metadata.deletion_timestamp.is_some();
        let status = self.status.clone().unwrap_or_default();
        let (allocated, reserved) = (
            status.allocation.is_some(),
            !items(&status.reserved_for).is_empty(),
        );
        let states = [
            (deleted, "deleted"),
            (!deleted && !allocated, "pending"),
            (allocated, "allocated"),
            (allocated && reserved, "reserved"),
        ];
        let states = states.iter().filter(|(is, _)| *is).map(|(_, state)| *state);
        vec![
            cell::name(&self.metadata),
            states.collect::<Vec<_>>().join(",").into(),
            cell::age(&self.metadata, now),
        ]
    }
}
