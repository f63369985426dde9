//! Who somebody is, as Kubernetes' `user.Info`.

use std::collections::BTreeMap;

/// The group of cluster administrators that no rule limits.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who has proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The name of everybody who has not.
pub const ANONYMOUS: &str = "system:anonymous";

/// An identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct UserInfo {
    /// As `alice` or `system:serviceaccount:default:builder`.
    pub name: String,
    /// Distinguishes two users of one name at different times; empty: none.
    pub uid: String,
    /// The groups, [`AUTHENTICATED`] included.
    pub groups: Vec<String>,
    /// What an authenticator knows beside.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Somebody who has proved who they are.
    pub fn authenticated(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut user = Self {
            name: name.into(),
            groups: groups.into_iter().collect(),
            ..Self::default()
        };
        if !user.in_group(AUTHENTICATED) {
            user.groups.push(AUTHENTICATED.to_owned());
        }
        user
    }

    /// Somebody who has not.
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.into(),
            groups: vec![UNAUTHENTICATED.into()],
            ..Self::default()
        }
    }

    /// Whether they are a member.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}
