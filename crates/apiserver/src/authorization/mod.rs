//! Who may do what: cluster administrators everything, nodes what their pods need, everybody what their roles give them.
//!
//! What decisions are made by is kept in memory, and is as new as the store at every decision: see [`kept`]. The decisions
//! themselves are pure, and `navarch_auth`'s.

mod kept;
mod nodes;
mod roles;
mod rules;

use std::sync::{Arc, Weak};
use std::time::Duration;

use k8s_openapi::api::rbac::v1::PolicyRule;
use navarch_auth::policy::{NODE_ROLE, Policy};
use navarch_auth::rbac::{Missing, RoleKind};
use navarch_auth::{Attributes, Decision, Grounds, MASTERS, UserInfo, node};
use navarch_store::Store;

use self::kept::Kept;
use self::nodes::Nodes;
use self::roles::Roles;
pub(crate) use self::rules::Rules;
use crate::ApiServer;
use crate::served::Directory;

/// How far behind the store it is at most while nobody asks, so that history is not lost.
const KEEP_UP: Duration = Duration::from_secs(1);
/// Why the rules of a node are not all that it may do.
const OF_NODES: &str = "node authorizer does not support user rule resolution";

/// What permission is given by.
pub(crate) struct Permissions {
    store: Arc<dyn Store>,
    roles: Kept<Roles>,
    nodes: Kept<Nodes>,
    /// What every node may do beside.
    node_rules: Vec<PolicyRule>,
}

impl Permissions {
    /// Reads all that decisions are made by.
    pub(crate) fn new(store: Arc<dyn Store>, directory: &Directory) -> Self {
        // A table that cannot be read is refused where it is put into the store, at every start.
        let policy = Policy::bootstrap().unwrap_or_default();
        Self {
            roles: Kept::new(&*store, Roles::buckets(directory)),
            nodes: Kept::new(&*store, Nodes::buckets(directory)),
            node_rules: policy.rules_of(NODE_ROLE).to_vec(),
            store,
        }
    }

    /// Whether the user may. The first that says yes decides; what the others say against it is told together.
    pub(crate) fn decide(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
        if user.in_group(MASTERS) {
            return Decision::Allow(Grounds::Standing);
        }
        let of_node = user.node_name().map(|node| {
            let nodes = self.nodes.now(&*self.store);
            node::decide(&nodes.0, &self.node_rules, node, attributes)
        });
        let against = match of_node {
            Some(Decision::NoOpinion(why)) => why,
            Some(allowed) => return allowed,
            None => String::new(),
        };
        let of_roles = self.roles.now(&*self.store).0.decide(user, attributes);
        match of_roles {
            Decision::NoOpinion(why) if against.is_empty() => Decision::NoOpinion(why),
            Decision::NoOpinion(why) if why.is_empty() => Decision::NoOpinion(against),
            Decision::NoOpinion(why) => Decision::NoOpinion(format!("{against}\n{why}")),
            allowed => allowed,
        }
    }

    /// Whether the user may something that is named by itself, in any version: a rule of admission asks it.
    pub(crate) fn allow(&self, user: &UserInfo, asked: Attributes<'_>) -> bool {
        let attributes = Attributes {
            resource_request: true,
            version: "*",
            ..asked
        };
        self.decide(user, &attributes).is_allowed()
    }

    /// What the user may do in a namespace, for people to read.
    pub(crate) fn rules(&self, user: &UserInfo, namespace: &str) -> Rules {
        let (rules, missing) = self.held(user, namespace);
        let is_node = user.node_name().is_some();
        let of_node = is_node.then(|| OF_NODES.to_owned());
        let missing = missing.iter().map(Missing::in_authorizer);
        Rules {
            incomplete: is_node,
            ..Rules::of(rules, of_node.into_iter().chain(missing))
        }
    }

    /// The rules that the user's bindings give in a namespace, and the roles among them that are not there.
    pub(crate) fn held(&self, user: &UserInfo, namespace: &str) -> (Vec<PolicyRule>, Vec<Missing>) {
        self.roles.now(&*self.store).0.rules_for(user, namespace)
    }

    /// What a role allows that a binding in `namespace` names. `None`: it is not there.
    pub(crate) fn role(
        &self,
        kind: RoleKind,
        namespace: &str,
        name: &str,
    ) -> Option<Vec<PolicyRule>> {
        let roles = self.roles.now(&*self.store);
        let rules = roles.0.role_rules(kind, namespace, name);
        rules.map(<[PolicyRule]>::to_vec)
    }
}

/// Keeps what permission is given by near to the store, for as long as the server is there.
pub(crate) async fn keep_up(server: Weak<ApiServer>) {
    let Some(closing) = server.upgrade().map(|server| server.closing.clone()) else {
        return;
    };
    let mut due = tokio::time::interval(KEEP_UP);
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            _ = due.tick() => {}
        }
        let Some(server) = server.upgrade() else {
            return;
        };
        let Permissions {
            store,
            roles,
            nodes,
            ..
        } = &server.permissions;
        drop(roles.now(&**store));
        drop(nodes.now(&**store));
    }
}

#[cfg(test)]
mod tests;
