//! What holds for the metadata of every object: what a write may not set, and what is well formed, in the order in which
//! Kubernetes tells it.

mod conditions;
mod labels;
mod owners;
mod prepare;
mod selector;
#[cfg(test)]
mod tests;
mod validate;

pub use conditions::{default_conditions, validate_conditions};
pub use labels::{validate_annotations, validate_labels};
pub(crate) use owners::check_known_finalizer;
pub use owners::validate_known_finalizers;
pub use prepare::{
    drop_empty_fields, keep_for_status, prepare_for_create, prepare_for_update, raise_generation,
};
pub use selector::{format_labels, format_selector, selector_cell, validate_label_selector};
pub use validate::{Checked, validate_field_manager};
