//! Leases.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for Lease {
    const METADATA: MetadataRules = MetadataRules {
        known_finalizers: false,
        ..MetadataRules::CHANGE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Holder",
            "string",
            "",
            0,
            "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the \
            holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
        ),
        cell::AGE,
    ];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: false,
    };

    fn apply_defaults(&mut self) {
        self.spec.get_or_insert_default();
    }

    // Coordinated leader election is not on in this release, and its fields are not kept unless they were there before.
    fn prepare_for_create(&mut self) {
        let spec = self.spec.get_or_insert_default();
        spec.strategy = None;
        spec.preferred_holder = None;
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        let spec = self.spec.get_or_insert_default();
        if old.spec.as_ref().is_none_or(|old| old.strategy.is_none()) {
            spec.strategy = None;
        }
        if old
            .spec
            .as_ref()
            .is_none_or(|old| old.preferred_holder.is_none())
        {
            spec.preferred_holder = None;
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        self.spec
            .iter()
            .flat_map(|spec| validate_spec(spec, &Path::new("spec")))
            .collect()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let holder = self
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.clone())
            .unwrap_or_default();
        vec![
            cell::name(&self.metadata),
            holder.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn validate_spec(spec: &LeaseSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(seconds) = spec.lease_duration_seconds.filter(|&seconds| seconds <= 0) {
        errors.push(Error::invalid(
            &path.child("leaseDurationSeconds"),
            seconds,
            "must be greater than 0",
        ));
    }
    if let Some(transitions) = spec
        .lease_transitions
        .filter(|&transitions| transitions < 0)
    {
        let detail = "must be greater than or equal to 0";
        errors.push(Error::invalid(
            &path.child("leaseTransitions"),
            transitions,
            detail,
        ));
    }
    let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if given(&spec.preferred_holder) && !given(&spec.strategy) {
        let detail = "may only be specified if `strategy` is defined";
        errors.push(Error::forbidden(&path.child("preferredHolder"), detail));
    }
    errors
}
