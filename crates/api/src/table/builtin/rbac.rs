//! `rbac.authorization.k8s.io`.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<ClusterRoleBinding>(),
        Row::of::<ClusterRole>(),
        Row::of::<RoleBinding>(),
        Row::of::<Role>(),
    ]
}
