mod reconcile;
mod reference;

use super::*;
use crate::policy::parse::parse;

#[test]
fn a_line_that_cannot_be_read_is_told() {
    let reason = |table: &str| parse(table).err().map(|error| error.to_string());
    let of = |line: &str| reason(&format!("ClusterRole x\n    {line}\n"));
    for (told, words) in [
        (reason("Role x\n"), "line 1: a role begins with"),
        (
            reason("    get | core | pods\n"),
            "line 1: it belongs to no role",
        ),
        (of("get"), "line 2: a rule is"),
        (
            of("get | core |  | x"),
            "line 2: a column of a rule is empty",
        ),
        (of("get | core | pods | a | b"), "line 2: a rule is"),
        (of("bound by Group/x"), "line 2: a binding is bound"),
        (of("bound to Group/x/y"), "line 2: a subject is"),
    ] {
        let told = told.unwrap_or_default();
        assert!(told.contains(words), "{told:?} has not {words:?}");
    }
}

#[test]
fn a_node_has_its_role_by_no_binding() {
    let policy = Policy::bootstrap().unwrap();
    assert!(!policy.rules_of(NODE_ROLE).is_empty());
    let mut bindings = policy.cluster_role_bindings.iter();
    let node = bindings.find(|binding| binding.role_ref.name == NODE_ROLE);
    assert_eq!(node.unwrap().subjects, None);
}

#[test]
fn what_navarch_has_beside_binds_roles_that_are_there() {
    let (kubernetes, own) = (Policy::bootstrap().unwrap(), Policy::own().unwrap());
    for binding in &own.cluster_role_bindings {
        let role = &binding.role_ref.name;
        let there = !kubernetes.rules_of(role).is_empty() || !own.rules_of(role).is_empty();
        assert!(there, "{role}");
        assert!(binding.subjects.is_some(), "{role} is bound to nobody");
    }
    let names = |policy: &Policy| -> Vec<_> {
        let roles = policy.cluster_roles.iter();
        roles
            .filter_map(|role| role.metadata.name.clone())
            .collect()
    };
    let wanted = [
        "navarch:network-policies",
        "navarch:load-balancer-addresses",
        "navarch:kubelet-serving-approver",
    ];
    assert_eq!(names(&own), wanted);
}
