//! Persistent volumes: storage that claims are bound to.

mod change;
mod defaults;
mod omit;
mod sources;
mod table;
mod validate;
mod warnings;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeStatus};
use navarch_machinery::field::ErrorList;
use navarch_machinery::time::seconds;
use serde_json::Value;

use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

pub(crate) use defaults::default_source;
pub use table::class;
pub(crate) use table::{modes, or_unset};
pub(crate) use validate::check_inline;

/// The annotation that was the class of a volume or a claim before there was a field for it.
pub const CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";
const PENDING: &str = "Pending";

impl Hooks for PersistentVolume {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = table::COLUMNS;

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_source(spec);
        spec.persistent_volume_reclaim_policy
            .get_or_insert_with(|| "Retain".to_owned());
        spec.volume_mode
            .get_or_insert_with(|| "Filesystem".to_owned());
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.message);
        drop_empty(&mut status.reason);
        drop_empty(&mut status.phase);
        status.phase.get_or_insert_with(|| PENDING.to_owned());
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(PersistentVolumeStatus {
            phase: Some(PENDING.to_owned()),
            ..Default::default()
        });
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
        } else {
            self.status.clone_from(&old.status);
        }
    }

    // The time of the last change of phase is the server's, unless whoever changes the phase says another.
    fn stamp(&mut self, part: Part, old: Option<&Self>, now: Timestamp) {
        let status = self.status.get_or_insert_default();
        let Some(before) = old.map(|old| old.status.clone().unwrap_or_default()) else {
            status.last_phase_transition_time = Some(seconds(now));
            return;
        };
        if part != Part::Status {
            return;
        }
        let time = &mut status.last_phase_transition_time;
        if before.phase == status.phase {
            *time = time.take().or(before.last_phase_transition_time);
        } else if time.is_none() || *time == before.last_phase_transition_time {
            *time = Some(seconds(now));
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::volume(self)
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return ErrorList::new();
        }
        // Kubernetes checks the volume itself twice on an update, and tells what it finds twice.
        let mut errors = validate::spec(self);
        errors.extend(change::errors(self, old));
        errors
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        warnings::of(self)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        table::cells(self, now)
    }
}
