//! Role-based access control, as Kubernetes' `rbac.authorization.k8s.io/v1` defines it: pure, and by look-up.
//!
//! [`Rbac`] is changed by each event of a role or a binding, and leads from a subject over its bindings to the rules of their
//! roles. What a decision costs depends on how many different roles the user and their groups have at the place they ask about:
//! neither on how many bindings there are nor on how many rules those roles have.

mod binding;
mod bound;
mod compiled;
mod cover;
mod decide;
mod index;
mod missing;
mod roles;
mod rule;
mod rules_for;

pub use binding::{Binding, BindingSubject, RoleKind};
pub use cover::{attempt_to_grant, uncovered};
pub use index::Rbac;
pub use missing::Missing;
pub use rule::{allows, full_authority};

#[cfg(test)]
mod tests;
