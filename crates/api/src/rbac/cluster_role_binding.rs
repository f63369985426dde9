//! Cluster role bindings.

use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use super::binding::{cells, default_binding, validate_binding, validate_same_role};
use crate::cell;
use crate::def::Column;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

const ROLES: &[&str] = &["ClusterRole"];

impl Hooks for ClusterRoleBinding {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Role",
            "string",
            "",
            0,
            "RoleRef can only reference a ClusterRole in the global \
            namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
        ),
        cell::AGE,
        Column::of("Users", "string", "", 1, "Users in the clusterRoleBinding"),
        Column::of(
            "Groups",
            "string",
            "",
            1,
            "Groups in the clusterRoleBinding",
        ),
        Column::of(
            "ServiceAccounts",
            "string",
            "",
            1,
            "ServiceAccounts in the clusterRoleBinding",
        ),
    ];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn apply_defaults(&mut self) {
        default_binding(&mut self.role_ref, &mut self.subjects);
    }

    fn name_errors(name: &str, _prefix: bool) -> Vec<String> {
        naming::path_segment(name, false)
    }

    fn validate_create(&self) -> ErrorList {
        validate_binding(&self.role_ref, self.subjects.as_deref(), ROLES)
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = self.validate_create();
        errors.extend(validate_same_role(&self.role_ref, &old.role_ref));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        cells(
            &self.metadata,
            &self.role_ref,
            self.subjects.as_deref(),
            now,
        )
    }
}
