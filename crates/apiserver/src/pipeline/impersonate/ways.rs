//! The ways in which one may be permitted to act as somebody else for a single request.

use navarch_auth::UserInfo;
use navarch_machinery::names::{is_dns1123_label, is_dns1123_subdomain};

/// What a service account's token tells of the node of its pod.
const OWN_NODE: &str = "authentication.kubernetes.io/node-name";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// An account acts as the node that its pod is on.
    AssociatedNode,
    /// As any node.
    ArbitraryNode,
    /// As a service account.
    ServiceAccount,
    /// As anybody else.
    UserInfo,
}

impl Way {
    /// That which gives least is the first.
    pub(super) const ALL: [Self; 4] = [
        Self::AssociatedNode,
        Self::ArbitraryNode,
        Self::ServiceAccount,
        Self::UserInfo,
    ];

    /// As verbs name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AssociatedNode => "associated-node",
            Self::ArbitraryNode => "arbitrary-node",
            Self::ServiceAccount => "serviceaccount",
            Self::UserInfo => "user-info",
        }
    }

    /// Whether it is for these. What nodes and service accounts are beside their names is not the asker's to say.
    pub(super) fn fits(self, wanted: &UserInfo, asker: &UserInfo) -> bool {
        let only_named =
            wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        let (node, account) = (node(&wanted.name), service_account(&wanted.name));
        match self {
            Self::AssociatedNode => {
                let own = asker.extra.get(OWN_NODE).map(Vec::as_slice);
                let is_own = node.is_some_and(|node| matches!(own, Some([own]) if own == node));
                only_named && is_own && service_account(&asker.name).is_some()
            }
            Self::ArbitraryNode => only_named && node.is_some(),
            Self::ServiceAccount => only_named && account.is_some(),
            Self::UserInfo => node.is_none() && account.is_none(),
        }
    }
}

/// The node of a user's name.
pub(super) fn node(name: &str) -> Option<&str> {
    let name = name.strip_prefix("system:node:")?;
    is_dns1123_subdomain(name).is_empty().then_some(name)
}

/// Namespace and name of the service account of a user's name.
pub(super) fn service_account(name: &str) -> Option<(&str, &str)> {
    let (namespace, name) = name
        .strip_prefix("system:serviceaccount:")?
        .split_once(':')?;
    // Anything else is a user's name that only looks like one.
    let valid = is_dns1123_label(namespace).is_empty() && is_dns1123_subdomain(name).is_empty();
    valid.then_some((namespace, name))
}
