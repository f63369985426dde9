use std::collections::BTreeMap;

use super::*;

fn named(name: &str) -> UserInfo {
    UserInfo {
        name: name.into(),
        ..UserInfo::default()
    }
}

fn told(demands: &Demands<'_>) -> Vec<String> {
    let shown = |it: &Attributes<'_>| {
        format!(
            "{} {}/{}/{} {}/{}",
            it.verb, it.group, it.resource, it.subresource, it.namespace, it.name
        )
    };
    let parts = demands.parts();
    let each = parts.iter().flat_map(|part| {
        let whole = part.whole.iter().map(|it| format!("or {}", shown(it)));
        whole.chain(part.each.iter().map(shown)).collect::<Vec<_>>()
    });
    each.collect()
}

fn ways(wanted: &UserInfo, asker: &UserInfo) -> Vec<&'static str> {
    let ways = Way::ALL.into_iter().filter(|way| way.fits(wanted, asker));
    ways.map(Way::name).collect()
}

#[test]
fn a_service_account_is_in_its_groups() {
    let user = named("system:serviceaccount:ns:robot");
    let old = Demands::of_old(&user);
    assert_eq!(told(&old), ["impersonate /serviceaccounts/ ns/robot"]);
    let groups = [
        "system:serviceaccounts",
        "system:serviceaccounts:ns",
        AUTHENTICATED,
    ];
    assert_eq!(completed(user, None).groups, groups);
}

#[test]
fn everything_named_is_asked_for() {
    let user = UserInfo {
        uid: "7".into(),
        groups: vec!["dev".into()],
        extra: BTreeMap::from([("example.org/team".into(), vec!["a".into()])]),
        ..named("bob")
    };
    assert_eq!(
        told(&Demands::of_old(&user)),
        [
            "impersonate /users/ /bob",
            "impersonate authentication.k8s.io/uids/ /7",
            "impersonate /groups/ /dev",
            "impersonate authentication.k8s.io/userextras/example.org/team /a",
        ]
    );
    let verb = "impersonate:user-info";
    assert_eq!(
        told(&Demands::of_way(Way::UserInfo, verb, &user)),
        [
            "impersonate:user-info authentication.k8s.io/users/ /bob",
            "impersonate:user-info authentication.k8s.io/uids/ /7",
            "impersonate:user-info authentication.k8s.io/groups/ /dev",
            "impersonate:user-info authentication.k8s.io/userextras/example.org/team /a",
        ]
    );
}

#[test]
fn of_many_all_are_asked_for_first_in_the_new_ways_alone() {
    let groups = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let user = UserInfo {
        groups,
        ..named("bob")
    };
    let way = Demands::of_way(Way::UserInfo, "v", &user);
    assert_eq!(told(&way)[1], "or v authentication.k8s.io/groups/ /*");
    assert_eq!(told(&way).len(), 6);
    assert_eq!(told(&Demands::of_old(&user)).len(), 5);
}

#[test]
fn each_way_is_for_some() {
    let node = named("system:node:n1");
    let mut agent = named("system:serviceaccount:ns:agent");
    let key = "authentication.kubernetes.io/node-name";
    agent.extra = BTreeMap::from([(key.into(), vec!["n1".into()])]);
    let alice = named("alice");
    assert_eq!(ways(&node, &agent), ["associated-node", "arbitrary-node"]);
    assert_eq!(ways(&node, &alice), ["arbitrary-node"]);
    assert_eq!(ways(&named("system:node:n2"), &agent), ["arbitrary-node"]);
    // Only accounts are on nodes.
    let mut liar = alice.clone();
    liar.extra.clone_from(&agent.extra);
    assert_eq!(ways(&node, &liar), ["arbitrary-node"]);
    assert_eq!(ways(&agent, &alice), Vec::<&str>::new());
    assert_eq!(
        ways(&named("system:serviceaccount:ns:x"), &alice),
        ["serviceaccount"]
    );
    assert_eq!(ways(&named("bob"), &alice), ["user-info"]);
    let mut grouped = node;
    grouped.groups = vec!["system:nodes".into()];
    assert_eq!(ways(&grouped, &alice), Vec::<&str>::new());
}

#[test]
fn a_node_is_one_whichever_it_is_where_it_is_the_askers_own() {
    let node = named("system:node:n1");
    let told = |way| told(&Demands::of_way(way, "v", &node));
    assert_eq!(
        told(Way::AssociatedNode),
        ["v authentication.k8s.io/nodes/ /*"]
    );
    assert_eq!(
        told(Way::ArbitraryNode),
        ["v authentication.k8s.io/nodes/ /n1"]
    );
    let groups = completed(node.clone(), Some(Way::ArbitraryNode)).groups;
    assert_eq!(groups, ["system:nodes", AUTHENTICATED]);
    assert_eq!(completed(node, None).groups, [AUTHENTICATED]);
}

#[test]
fn what_nobody_is_is_refused_in_the_new_ways() {
    let objection = |user: &UserInfo| {
        let demands = Demands::of_way(Way::UserInfo, "v", user);
        demands.objection().map(|(_, why)| why)
    };
    let group = |group: &str| UserInfo {
        groups: vec![group.into()],
        ..named("bob")
    };
    let extra = |key: &str, value: &str| UserInfo {
        extra: BTreeMap::from([(key.into(), vec![value.into()])]),
        ..named("bob")
    };
    let why = |what: &str| Some(format!("impersonating {what} is not allowed"));
    assert_eq!(objection(&group("dev")), None);
    assert_eq!(objection(&group("")), why("the empty string group"));
    assert_eq!(
        objection(&group("system:masters")),
        why("the system:masters group")
    );
    assert_eq!(objection(&extra("example.org/team", "a")), None);
    assert_eq!(
        objection(&extra("", "a")),
        why("the empty string key in extra")
    );
    assert_eq!(
        objection(&extra("example.org/team", "")),
        why("the empty string value in extra")
    );
    let invalid = objection(&extra("team", "a")).unwrap();
    assert!(
        invalid.starts_with("impersonating an invalid key in extra is not allowed: extra.key: "),
        "{invalid}"
    );
}
