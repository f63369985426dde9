//! What holds where a namespace says nothing, and whom none of it concerns.

use navarch_api::pod_security::Policy;

/// What an administrator says of the rule, once for the cluster.
#[derive(Debug, Default, Clone)]
pub(crate) struct Configuration {
    /// What holds where labels say nothing.
    pub(crate) defaults: Policy,
    /// Namespaces whose pods are not looked at.
    pub(crate) namespaces: Vec<String>,
    /// Runtime classes whose pods are not looked at.
    pub(crate) runtime_classes: Vec<String>,
    /// Users whose writes are not looked at.
    pub(crate) usernames: Vec<String>,
}

impl Configuration {
    pub(super) fn exempts_namespace(&self, name: &str) -> bool {
        self.namespaces.iter().any(|exempt| exempt == name)
    }

    pub(super) fn exempts_user(&self, name: &str) -> bool {
        self.usernames.iter().any(|exempt| exempt == name)
    }

    pub(super) fn exempts_class(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.runtime_classes.iter().any(|exempt| exempt == name))
    }
}
