//! What is to be done so that a role or binding is there and gives what it must. What was added to it stays.
//!
//! It follows the reconciliation that Kubernetes' API server does when it starts, and `kubectl auth reconcile`.

use k8s_openapi::Metadata;
use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
    Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::AUTO_UPDATE;
use crate::rbac::uncovered;

/// What is to be done about one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled<T> {
    /// Nothing: it is as it should be, or says that it is to be left alone.
    Nothing,
    /// To be made.
    Create(T),
    /// To be replaced with this, which is made from what was seen.
    Update(T),
    /// To be deleted, if it still has this uid, and made anew: a binding's role cannot be changed.
    Recreate {
        /// The uid of the one that is there.
        uid: String,
        /// The new one.
        object: T,
    },
}

/// A role of either scope.
pub trait RoleLike: Metadata<Ty = ObjectMeta> + Clone {
    /// What it allows.
    fn rules(&mut self) -> &mut Option<Vec<PolicyRule>>;
    /// What its rules are gathered from, for the kind that has that.
    fn aggregation(&mut self) -> Option<&mut Option<AggregationRule>>;
}

impl RoleLike for ClusterRole {
    fn rules(&mut self) -> &mut Option<Vec<PolicyRule>> {
        &mut self.rules
    }

    fn aggregation(&mut self) -> Option<&mut Option<AggregationRule>> {
        Some(&mut self.aggregation_rule)
    }
}

impl RoleLike for Role {
    fn rules(&mut self) -> &mut Option<Vec<PolicyRule>> {
        &mut self.rules
    }

    fn aggregation(&mut self) -> Option<&mut Option<AggregationRule>> {
        None
    }
}

/// A binding of either scope.
pub trait BindingLike: Metadata<Ty = ObjectMeta> + Clone {
    /// Its role.
    fn role(&self) -> &RoleRef;
    /// Who has the role.
    fn subjects(&mut self) -> &mut Option<Vec<Subject>>;
}

impl BindingLike for ClusterRoleBinding {
    fn role(&self) -> &RoleRef {
        &self.role_ref
    }

    fn subjects(&mut self) -> &mut Option<Vec<Subject>> {
        &mut self.subjects
    }
}

impl BindingLike for RoleBinding {
    fn role(&self) -> &RoleRef {
        &self.role_ref
    }

    fn subjects(&mut self) -> &mut Option<Vec<Subject>> {
        &mut self.subjects
    }
}

/// A role gets the labels, annotations, rules and selectors that it lacks.
pub fn reconcile_role<T: RoleLike>(there: Option<&T>, wanted: &T) -> Reconciled<T> {
    let Some(there) = there else {
        return Reconciled::Create(wanted.clone());
    };
    if is_left_alone(there.metadata()) {
        return Reconciled::Nothing;
    }
    let (mut role, mut wanted) = (there.clone(), wanted.clone());
    let mut changed = add_metadata(role.metadata_mut(), wanted.metadata());
    let held = role.rules().clone().unwrap_or_default();
    let missing = uncovered(&held, wanted.rules().as_deref().unwrap_or_default());
    if !missing.is_empty() {
        role.rules().get_or_insert_default().extend(missing);
        changed = true;
    }
    if let (Some(there), Some(wanted)) = (role.aggregation(), wanted.aggregation()) {
        changed |= add_selectors(there, wanted);
    }
    if changed {
        Reconciled::Update(role)
    } else {
        Reconciled::Nothing
    }
}

/// A binding gets the labels, annotations and subjects that it lacks; one of another role is made anew.
pub fn reconcile_binding<T: BindingLike>(there: Option<&T>, wanted: &T) -> Reconciled<T> {
    let Some(there) = there else {
        return Reconciled::Create(wanted.clone());
    };
    if is_left_alone(there.metadata()) {
        return Reconciled::Nothing;
    }
    if there.role() != wanted.role() {
        return Reconciled::Recreate {
            uid: there.metadata().uid.clone().unwrap_or_default(),
            object: wanted.clone(),
        };
    }
    let (mut binding, mut wanted) = (there.clone(), wanted.clone());
    let mut changed = add_metadata(binding.metadata_mut(), wanted.metadata());
    let there = binding.subjects().clone().unwrap_or_default();
    let wanted = wanted.subjects().take().unwrap_or_default();
    let missing: Vec<Subject> = wanted
        .into_iter()
        .filter(|subject| !there.contains(subject))
        .collect();
    if !missing.is_empty() {
        binding.subjects().get_or_insert_default().extend(missing);
        changed = true;
    }
    if changed {
        Reconciled::Update(binding)
    } else {
        Reconciled::Nothing
    }
}

fn is_left_alone(meta: &ObjectMeta) -> bool {
    let annotations = meta.annotations.as_ref();
    let value = annotations.and_then(|annotations| annotations.get(AUTO_UPDATE));
    value.is_some_and(|value| value == "false")
}

/// Labels and annotations that are there keep their values.
fn add_metadata(there: &mut ObjectMeta, wanted: &ObjectMeta) -> bool {
    let mut changed = false;
    for (there, wanted) in [
        (&mut there.labels, &wanted.labels),
        (&mut there.annotations, &wanted.annotations),
    ] {
        for (key, value) in wanted.iter().flatten() {
            let there = there.get_or_insert_default();
            if !there.contains_key(key) {
                there.insert(key.clone(), value.clone());
                changed = true;
            }
        }
    }
    changed
}

fn add_selectors(there: &mut Option<AggregationRule>, wanted: &Option<AggregationRule>) -> bool {
    let Some(wanted) = wanted else {
        // It is not meant to be gathered at all.
        return there.take().is_some();
    };
    let selectors = &mut there.get_or_insert_default().cluster_role_selectors;
    let selectors = selectors.get_or_insert_default();
    let wanted = wanted.cluster_role_selectors.iter().flatten();
    let before = selectors.len();
    for selector in wanted {
        if !selectors.contains(selector) {
            selectors.push(selector.clone());
        }
    }
    selectors.len() > before
}
