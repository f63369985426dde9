//! What a pod or a template leaves out.

mod container;
mod drop_disabled;
mod omit;
mod pod;
mod volume;

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};

use super::absent::{default_text, items_mut, text};

use crate::metadata::drop_empty_fields;

pub(super) use drop_disabled::drop_disabled;
pub(super) use pod::default_pod;
pub use volume::default_claim_spec;

/// How long containers may take to stop, in seconds.
const TERMINATION_GRACE_PERIOD: i64 = 30;

/// Fills in what a template leaves out. Less than for a pod: a pod's other defaults come when it is made of the template.
pub fn default_template(template: &mut PodTemplateSpec) {
    drop_empty_fields(template.metadata.get_or_insert_default());
    default_spec(template.spec.get_or_insert_default());
}

/// Fills in a template whose labels a selector must select: where it does not, empty labels are told as such.
pub fn default_selected_template(template: &mut PodTemplateSpec) {
    let meta = template.metadata.get_or_insert_default();
    let labels = meta.labels.clone();
    default_template(template);
    template.metadata.get_or_insert_default().labels = labels;
}

/// What pods and templates have in common.
fn default_spec(spec: &mut PodSpec) {
    omit::omit_spec(spec);
    default_text(&mut spec.dns_policy, "ClusterFirst");
    default_text(&mut spec.restart_policy, "Always");
    default_text(&mut spec.scheduler_name, "default-scheduler");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds
        .get_or_insert(TERMINATION_GRACE_PERIOD);
    alias_service_account(spec);
    items_mut(&mut spec.volumes)
        .iter_mut()
        .for_each(volume::default_volume);
    items_mut(&mut spec.init_containers)
        .iter_mut()
        .for_each(container::default_container);
    spec.containers
        .iter_mut()
        .for_each(container::default_container);
    items_mut(&mut spec.ephemeral_containers)
        .iter_mut()
        .for_each(container::default_ephemeral_container);
    super::amount::round_list(&mut spec.overhead);
    if let Some(resources) = &mut spec.resources {
        super::amount::round_list(&mut resources.limits);
        super::amount::round_list(&mut resources.requests);
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`, which wins, and is shown beside it.
pub(super) fn alias_service_account(spec: &mut PodSpec) {
    if text(&spec.service_account_name).is_empty() {
        spec.service_account_name = spec.service_account.take().filter(|name| !name.is_empty());
    }
    spec.service_account = spec.service_account_name.clone();
}
