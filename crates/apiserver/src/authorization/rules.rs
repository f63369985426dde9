//! What somebody may do, as a review of rules tells it.

use k8s_openapi::api::authorization::v1::{NonResourceRule, ResourceRule};
use k8s_openapi::api::rbac::v1::PolicyRule;
use navarch_auth::rbac::Missing;

/// All that a user may do in a namespace, as far as it can be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// With resources.
    pub(crate) resource: Vec<ResourceRule>,
    /// With paths.
    pub(crate) non_resource: Vec<NonResourceRule>,
    /// Whether the user may do more than this.
    pub(crate) incomplete: bool,
    /// What went wrong.
    pub(crate) error: Option<String>,
}

impl Rules {
    pub(crate) fn of(rules: Vec<PolicyRule>, complaints: impl IntoIterator<Item = String>) -> Self {
        let mut told = Self {
            error: Missing::told(complaints),
            ..Self::default()
        };
        for rule in rules {
            if rule.non_resource_urls.is_some() {
                told.non_resource.push(NonResourceRule {
                    verbs: rule.verbs,
                    non_resource_urls: rule.non_resource_urls,
                });
            } else {
                told.resource.push(ResourceRule {
                    verbs: rule.verbs,
                    api_groups: rule.api_groups,
                    resources: rule.resources,
                    resource_names: rule.resource_names,
                });
            }
        }
        told
    }
}
