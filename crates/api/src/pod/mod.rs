//! Pods and pod templates: defaults, validation, what may change, warnings, and how `kubectl get` shows them.
//!
//! `spec.rs` is the order in which a spec is checked; every other file is one of its parts. Each check adds what it finds to a
//! list, in Kubernetes' words.

mod absent;
mod amount;
mod annotations;
mod app_armor;
mod binding;
mod check;
mod columns;
mod condition;
mod container;
mod context;
mod defaults;
mod diff;
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
mod resource_names;
mod resources;
mod spec;
mod status;
mod template;
mod totals;
mod update;
mod volumes;
mod warnings;
mod windows;

pub use binding::{bind, validate_binding};
pub use defaults::default_template;
pub use qos::qos_class;
pub use template::{
    drop_disabled_template_fields, same_template, template_warnings, validate_template,
    validate_template_alone,
};

#[cfg(test)]
mod tests;
