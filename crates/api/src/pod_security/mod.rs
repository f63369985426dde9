//! The Pod Security Standards: what a pod may ask for at the levels privileged, baseline and restricted. Pure.
//!
//! Follows Kubernetes' `PodSecurity` admission: the same checks at the same versions, in its order and words. `level.rs` says what
//! levels and versions are, `policy.rs` what a namespace's labels ask for, `checks/` has a file a check, `evaluate.rs` which of them
//! hold at a level, `existing.rs` what is said of the pods that are there when a namespace's level changes.

mod change;
mod checks;
mod container;
mod evaluate;
mod existing;
mod level;
mod phrases;
mod policy;
mod subject;

pub use change::changes_containers;
pub use evaluate::{Violation, evaluate, in_detail, in_short};
pub use existing::{Existing, MAX_CHECKED, warnings_of_existing};
pub use level::{Level, LevelVersion, Version};
pub use policy::{Policy, is_label};
pub use subject::{Subject, template_of};

#[cfg(test)]
mod tests;
