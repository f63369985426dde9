//! Nobody gives more than they have: roles and bindings that would are refused, as Kubernetes' registry of them does.

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
};
use navarch_auth::rbac::{Missing, RoleKind, attempt_to_grant, full_authority, uncovered};
use navarch_auth::{Attributes as Asked, MASTERS};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Attributes, Layer, Operation};

const GROUP: &str = "rbac.authorization.k8s.io";
const NEEDS_ALL: &str = "must have cluster-admin privileges to use the aggregationRule";

pub(super) struct RoleEscalation;

impl Layer for RoleEscalation {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        if &*attributes.served.def.group != GROUP
            || attributes.operation == Operation::Delete
            || attributes.user.in_group(MASTERS)
            || old.is_some_and(|old| only_collection_differs(object, old))
        {
            return Ok(());
        }
        let any = object.as_any();
        let name = object.metadata().name.as_deref().unwrap_or_default();
        if let Some(role) = any.downcast_ref::<ClusterRole>() {
            let before = old.and_then(|old| old.as_any().downcast_ref::<ClusterRole>());
            let gathered = is_gathered(role) || before.is_some_and(is_gathered);
            check_role(attributes, name, role.rules.as_deref(), gathered)
        } else if let Some(role) = any.downcast_ref::<Role>() {
            check_role(attributes, name, role.rules.as_deref(), false)
        } else if let Some(binding) = any.downcast_ref::<ClusterRoleBinding>() {
            check_binding(attributes, name, &binding.role_ref)
        } else if let Some(binding) = any.downcast_ref::<RoleBinding>() {
            check_binding(attributes, name, &binding.role_ref)
        } else {
            Ok(())
        }
    }
}

fn check_role(
    attributes: &Attributes<'_>,
    name: &str,
    rules: Option<&[PolicyRule]>,
    gathered: bool,
) -> Result<()> {
    let resource = &attributes.served.def.plural;
    if may(attributes, "escalate", resource, attributes.name) {
        return Ok(());
    }
    let rules = rules.unwrap_or_default();
    check_rules(attributes, name, rules)?;
    // What is gathered could become anything.
    if gathered && !uncovered(&held(attributes).0, &full_authority()).is_empty() {
        return Err(forbidden(attributes, name, NEEDS_ALL));
    }
    Ok(())
}

fn check_binding(attributes: &Attributes<'_>, name: &str, role: &RoleRef) -> Result<()> {
    let Some(kind) = RoleKind::parse(&role.kind) else {
        let why = format!("unsupported role reference kind: {:?}", role.kind);
        return Err(StatusError::new(500, "", why));
    };
    let missing = Missing {
        kind,
        name: role.name.clone(),
    };
    if may(attributes, "bind", missing.resource(), &role.name) {
        return Ok(());
    }
    let permissions = attributes.permissions;
    match permissions.role(kind, attributes.namespace, &role.name) {
        Some(rules) => check_rules(attributes, name, &rules),
        // As if it were one of those that are written: so Kubernetes says it.
        None => Err(attributes.served.not_found(&role.name)),
    }
}

fn check_rules(attributes: &Attributes<'_>, name: &str, rules: &[PolicyRule]) -> Result<()> {
    let (held, unresolved) = held(attributes);
    let resource = &attributes.served.def.plural;
    let unresolved = unresolved.iter().map(|role| role.in_registry(resource));
    match attempt_to_grant(attributes.user, &held, rules, unresolved) {
        Some(why) => Err(forbidden(attributes, name, &why)),
        None => Ok(()),
    }
}

fn held(attributes: &Attributes<'_>) -> (Vec<PolicyRule>, Vec<Missing>) {
    let permissions = attributes.permissions;
    permissions.held(attributes.user, attributes.namespace)
}

fn forbidden(attributes: &Attributes<'_>, name: &str, why: &str) -> StatusError {
    StatusError::forbidden(GROUP, &attributes.served.def.plural, name, why)
}

/// Whether the user is permitted to give what they do not have.
fn may(attributes: &Attributes<'_>, verb: &str, resource: &str, name: &str) -> bool {
    let asked = Asked {
        verb,
        group: GROUP,
        resource,
        namespace: attributes.namespace,
        name,
        ..Asked::default()
    };
    attributes.permissions.allow(attributes.user, asked)
}

fn is_gathered(role: &ClusterRole) -> bool {
    let rule = role.aggregation_rule.as_ref();
    let selectors = rule.and_then(|rule| rule.cluster_role_selectors.as_ref());
    selectors.is_some_and(|selectors| !selectors.is_empty())
}

/// Whether nothing is changed but what garbage collection needs to let go of an object.
fn only_collection_differs(new: &dyn Object, old: &dyn Object) -> bool {
    let mut same = new.clone_object();
    let (meta, before) = (same.metadata_mut(), old.metadata());
    meta.owner_references.clone_from(&before.owner_references);
    meta.finalizers.clone_from(&before.finalizers);
    meta.self_link.clone_from(&before.self_link);
    meta.managed_fields.clone_from(&before.managed_fields);
    is_same::<ClusterRole>(&*same, old)
        || is_same::<Role>(&*same, old)
        || is_same::<ClusterRoleBinding>(&*same, old)
        || is_same::<RoleBinding>(&*same, old)
}

fn is_same<T: PartialEq + 'static>(one: &dyn Object, other: &dyn Object) -> bool {
    let one = one.as_any().downcast_ref::<T>();
    one.is_some() && one == other.as_any().downcast_ref::<T>()
}
