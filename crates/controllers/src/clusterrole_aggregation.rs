//! Cluster roles that are made of others: their rules are those of the roles that their selectors select.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::Resource;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use navarch_api::call::PatchKind;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};
use navarch_machinery::labels::Selector;
use serde_json::json;

use crate::{Action, Controller, Plan, Watched};

/// Who owns the rules.
const MANAGER: &str = "clusterrole-aggregation-controller";

/// The controller. It has one key: which role is made of which cannot be told from one of them, and there are few.
pub struct ClusterRoleAggregation {
    /// Cluster roles.
    pub roles: Informer<ClusterRole>,
}

impl Controller for ClusterRoleAggregation {
    const NAME: &'static str = MANAGER;
    const ACCOUNT: &'static str = "clusterrole-aggregation-controller";
    type View = Snapshot<ClusterRole>;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.roles
            .on_change(move |_, _| q.add(ObjectKey::new("", "")));
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.roles]
    }

    fn view(&self) -> Self::View {
        self.roles.snapshot()
    }

    fn plan(&self, _now: Timestamp, view: &Self::View, _key: &ObjectKey) -> Plan {
        plan(view)
    }
}

/// Gives every role that is made of others their rules, where it has not got them yet. One that is made of such a role follows at
/// the next look.
pub fn plan(roles: &Snapshot<ClusterRole>) -> Plan {
    let mut plan = Plan::nothing();
    let mut by_name: Vec<&ClusterRole> = roles.iter().map(|role| &**role).collect();
    by_name.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let stale = by_name.iter().filter_map(|role| {
        let rules = gathered(role, &by_name)?;
        let has = role.rules.as_deref().unwrap_or_default();
        (rules != has).then(|| apply(role, &rules))
    });
    plan.then_all(stale.collect());
    plan
}

/// The rules that a role is to have, each once, in the order of its selectors and of the names of what they select. `None`: it is
/// not made of others.
fn gathered(role: &ClusterRole, all: &[&ClusterRole]) -> Option<Vec<PolicyRule>> {
    let selectors = &role.aggregation_rule.as_ref()?.cluster_role_selectors;
    let mut rules: Vec<PolicyRule> = Vec::new();
    for selector in selectors.iter().flatten() {
        // One that cannot be read is not stored.
        let selector = Selector::from_label_selector(Some(selector)).ok()?;
        let selected = all.iter().filter(|other| {
            let labels = other.metadata.labels.clone().unwrap_or_default();
            other.metadata.name != role.metadata.name && selector.matches(&labels)
        });
        for rule in selected.flat_map(|other| other.rules.iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    Some(rules)
}

fn apply(role: &ClusterRole, rules: &[PolicyRule]) -> Action {
    let patch = json!({
        "apiVersion": ClusterRole::API_VERSION, "kind": ClusterRole::KIND,
        "metadata": {"name": role.metadata.name}, "rules": rules,
    });
    let mut action = Action::patch(role, PatchKind::Apply, patch);
    action.call.options.field_manager = MANAGER.to_owned();
    action.call.options.force = true;
    action
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn role(name: &str, part_of: &str, made_of: &str, gets: &[&str]) -> ClusterRole {
        let rules: Vec<Value> = gets
            .iter()
            .map(|resource| json!({"verbs": ["get"], "apiGroups": [""], "resources": [resource]}))
            .collect();
        let mut role =
            json!({"metadata": {"name": name, "labels": {part_of: "true"}}, "rules": rules});
        if !made_of.is_empty() {
            let selector = json!({"matchLabels": {made_of: "true"}});
            role["aggregationRule"] = json!({"clusterRoleSelectors": [selector]});
        }
        serde_json::from_value(role).unwrap()
    }

    /// What is applied: role and resources.
    fn applied(roles: &[ClusterRole]) -> Vec<(String, Vec<String>)> {
        let plan = plan(&Snapshot::of(roles.to_vec(), &[]));
        let told = plan.actions().map(|action| {
            let navarch_api::call::Body::Patch(PatchKind::Apply, patch) = &action.call.body else {
                panic!("{action:?}");
            };
            let rules = patch["rules"].as_array().unwrap().iter();
            let resources = rules.map(|rule| rule["resources"][0].as_str().unwrap().to_owned());
            (action.call.name.clone().unwrap(), resources.collect())
        });
        told.collect()
    }

    #[test]
    fn a_role_gets_the_rules_of_its_parts_each_once_by_name() {
        let parts = [
            role("b", "to-all", "", &["pods", "secrets"]),
            role("a", "to-all", "", &["nodes", "pods"]),
            role("other", "to-else", "", &["events"]),
        ];
        let all = |has: &[&str]| {
            let mut roles = parts.to_vec();
            roles.push(role("all", "", "to-all", has));
            roles
        };
        let wanted = ["nodes", "pods", "secrets"].map(str::to_owned).to_vec();
        assert_eq!(applied(&all(&[])), [("all".to_owned(), wanted.clone())]);
        assert_eq!(applied(&all(&["events"])), [("all".to_owned(), wanted)]);
        assert!(applied(&all(&["nodes", "pods", "secrets"])).is_empty());
    }

    #[test]
    fn a_role_is_no_part_of_itself_and_one_without_parts_has_no_rules() {
        let itself = role("x", "to-x", "to-x", &["pods"]);
        assert_eq!(applied(&[itself]), [("x".to_owned(), vec![])]);
        assert!(applied(&[role("x", "", "to-x", &[])]).is_empty());
    }
}
