//! Where a pod may run.

mod affinity;
mod label_keys;
mod node_affinity;
mod tolerations;
mod topology_spread;

pub(super) use affinity::check as check_affinity;
pub(super) use affinity::merge_label_keys;
pub(super) use node_affinity::only_additions;
pub(crate) use node_affinity::{check_node_selector, node_selector_shape};
pub(super) use tolerations::check as check_tolerations;
pub use tolerations::validate_tolerations;
pub(super) use topology_spread::check as check_topology_spread;
pub(super) use topology_spread::merge_label_keys as merge_spread_label_keys;
