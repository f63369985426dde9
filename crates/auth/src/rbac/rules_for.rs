//! All that somebody may do at a place.

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::index::Rbac;
use super::missing::Missing;
use crate::UserInfo;

impl Rbac {
    /// The rules that the user has in a namespace, binding by binding, and the roles that are missing.
    pub fn rules_for(&self, user: &UserInfo, namespace: &str) -> (Vec<PolicyRule>, Vec<Missing>) {
        let bindings = self.bindings_of(user, namespace);
        let roles = bindings
            .iter()
            .map(|binding| self.roles.find(binding.role_namespace(), &binding.role));
        let rules = roles.flatten().flat_map(|role| role.rules()).cloned();
        (rules.collect(), self.missing(user, namespace))
    }
}
