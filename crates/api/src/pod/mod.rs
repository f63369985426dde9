//! Pods and pod templates: defaults, validation, what may change, warnings, and how `kubectl get` shows them.
//!
//! `spec.rs` is the order in which a spec is checked; every other file is one of its parts. Each check adds what it finds to a
//! list, in Kubernetes' words.

pub(crate) mod absent;
pub(crate) mod amount;
mod annotations;
mod app_armor;
mod binding;
pub(crate) mod check;
mod columns;
mod condition;
mod container;
mod context;
mod defaults;
pub(crate) mod diff;
mod dns;
mod downward;
mod ephemeral;
mod equality;
mod hooks;
mod host;
mod image;
mod os;
mod placement;
mod pod_resources;
mod pod_security;
mod qos;
mod resize;
pub(crate) mod resource_names;
mod resources;
mod secrets;
mod spec;
mod status;
mod template;
mod totals;
mod update;
mod volumes;
pub(crate) mod warnings;
mod windows;

pub use binding::{bind, validate_binding};
pub use context::as_container;
pub use defaults::{default_claim_spec, default_selected_template, default_template};
pub use equality::same;
pub use placement::validate_tolerations;
pub(crate) use placement::{check_node_selector, node_selector_shape};
pub use qos::qos_class;
pub(crate) use resource_names::{
    is_extended as is_extended_resource, is_native as is_native_resource,
};
pub(crate) use resources::quantity as check_quantity;
pub use resources::{
    validate_container_resource_name, validate_overhead, validate_quantity, validate_resource_name,
};
pub use secrets::secret_names;
pub use template::{
    drop_disabled_template_fields, template_warnings, validate_template, validate_template_alone,
    validate_template_metadata,
};
pub use totals::requests;
pub(crate) use totals::{
    container_limits as limits_of_containers, container_requests as requests_of_containers, limits,
};
pub(crate) use volumes::sources as volume_sources;
pub(crate) use volumes::{check_access_modes, check_claim_spec, check_template_metadata};
pub(crate) use warnings::{
    deprecated_label, fractional as fractional_warning, node_selector_term_warnings,
};

#[cfg(test)]
mod tests;
