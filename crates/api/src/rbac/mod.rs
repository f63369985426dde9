//! `rbac.authorization.k8s.io`: what roles and bindings must be. Who may do what by them is the authorizer's.

mod binding;
mod cluster_role;
mod cluster_role_binding;
mod role;
mod role_binding;
mod rule;
