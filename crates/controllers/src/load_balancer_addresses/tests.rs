use std::collections::BTreeMap;

use navarch_api::call::{Body, PatchKind};
use serde_json::{Value, json};

use super::*;
use crate::Action;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A service of type `LoadBalancer`, `age` being its creation's second; `more` is merged into its spec.
fn balanced(name: &str, age: u32, more: Value) -> Service {
    let mut spec = json!({"type": "LoadBalancer", "ipFamilies": ["IPv4"]});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let created = format!("2026-01-01T00:00:{age:02}Z");
    let metadata =
        json!({"namespace": "d", "name": name, "uid": name, "creationTimestamp": created});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

/// With these addresses in its status, which this controller has written if `ours`.
fn having(mut service: Service, addresses: &[&str], ours: bool) -> Service {
    let entry = |ip: &&str| json!({"ip": ip, "ipMode": "VIP"});
    let ingress: Vec<_> = addresses.iter().map(entry).collect();
    let condition = json!({"type": navarch_api::segment_addresses::CONDITION, "status": "True", "reason": "AddressAllocated",
        "message": format!("It has {}", addresses.join(", ")), "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let conditions = if ours { vec![condition] } else { vec![] };
    let status = json!({"loadBalancer": {"ingress": ingress}, "conditions": conditions});
    service.status = Some(serde_json::from_value(status).unwrap());
    service
}

fn planned(services: Vec<Service>, pool: &str) -> Plan {
    let node = json!({"metadata": {"name": "n"}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}});
    let view = View {
        services: Snapshot::of(services, &[]),
        nodes: Snapshot::of([serde_json::from_value(node).unwrap()], &[]),
    };
    plan(NOW, &view, &pool.parse().unwrap())
}

fn told(action: &Action) -> String {
    let Body::Patch(PatchKind::Strategic, patch) = &action.call.body else {
        panic!("{action:?}");
    };
    assert_eq!(action.call.subresource.as_deref(), Some("status"));
    let ingress = patch["status"]["loadBalancer"]["ingress"]
        .as_array()
        .unwrap();
    let ips: Vec<_> = ingress
        .iter()
        .map(|it| it["ip"].as_str().unwrap())
        .collect();
    assert!(ingress.iter().all(|it| it["ipMode"] == "VIP"));
    match &action.done {
        Some(note) => format!("{} {}: {}", ips.join(" "), note.reason, note.message),
        None => {
            assert_eq!(patch["status"]["conditions"][0]["$patch"], "delete");
            format!("{} withdrawn", ips.join(" "))
        }
    }
}

/// What is written, by service.
fn written(services: Vec<Service>, pool: &str) -> BTreeMap<String, String> {
    let plan = planned(services, pool);
    let of = |action: &Action| (action.call.name.clone().unwrap(), told(action));
    plan.actions().map(of).collect()
}

fn check(services: Vec<Service>, pool: &str, wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<_, _> = wanted
        .iter()
        .map(|(name, told)| ((*name).to_owned(), (*told).to_owned()))
        .collect();
    assert_eq!(written(services, pool), wanted);
}

#[test]
fn each_gets_the_lowest_that_is_nobody_s_and_the_older_come_first() {
    let services = vec![
        balanced("young", 9, json!({})),
        balanced("old", 1, json!({})),
        balanced(
            "ours",
            5,
            json!({"loadBalancerClass": "navarch.dev/segment"}),
        ),
        balanced("other", 0, json!({"loadBalancerClass": "example.org/lb"})),
        balanced("cluster", 0, json!({"type": "ClusterIP"})),
        having(
            balanced("theirs", 0, json!({"loadBalancerClass": "example.org/lb"})),
            &["192.0.2.3"],
            false,
        ),
    ];
    // .0 is the network's, .1 the node's, .3 another balancer's.
    check(
        services,
        "192.0.2.0/24",
        &[
            ("old", "192.0.2.2 AddressAllocated: It has 192.0.2.2"),
            ("ours", "192.0.2.4 AddressAllocated: It has 192.0.2.4"),
            ("young", "192.0.2.5 AddressAllocated: It has 192.0.2.5"),
        ],
    );
}

#[test]
fn one_address_of_each_family_that_there_is() {
    let families = |all: Value| json!({"ipFamilies": all});
    let services = || {
        vec![
            balanced("both", 1, families(json!(["IPv6", "IPv4"]))),
            balanced("six", 2, families(json!(["IPv6"]))),
        ]
    };
    check(
        services(),
        "192.0.2.8/29,2001:db8::10-2001:db8::1f",
        &[
            (
                "both",
                "2001:db8::10 192.0.2.8 AddressAllocated: It has 2001:db8::10, 192.0.2.8",
            ),
            ("six", "2001:db8::11 AddressAllocated: It has 2001:db8::11"),
        ],
    );
    let none = " AllocationFailed: No address: there are no addresses of the service's families";
    check(
        services(),
        "192.0.2.8/29",
        &[
            ("both", "192.0.2.8 AddressAllocated: It has 192.0.2.8"),
            ("six", none),
        ],
    );
}

#[test]
fn what_is_in_the_status_stays_and_is_nobody_else_s() {
    let kept = || having(balanced("kept", 9, json!({})), &["192.0.2.9"], true);
    check(vec![kept()], "192.0.2.8/29", &[]);
    // The older has lost what it shared with one that is older yet, and the pool has changed beneath another.
    let services = vec![
        kept(),
        having(balanced("first", 1, json!({})), &["192.0.2.8"], true),
        having(balanced("second", 2, json!({})), &["192.0.2.8"], true),
        having(balanced("moved", 3, json!({})), &["198.51.100.7"], true),
        balanced("new", 4, json!({})),
    ];
    check(
        services,
        "192.0.2.8/29",
        &[
            ("second", "192.0.2.10 AddressAllocated: It has 192.0.2.10"),
            ("moved", "192.0.2.11 AddressAllocated: It has 192.0.2.11"),
            ("new", "192.0.2.12 AddressAllocated: It has 192.0.2.12"),
        ],
    );
    // What somebody else has given a service of no class is theirs, and nobody else's here.
    let before = |more| having(balanced("before", 1, more), &["192.0.2.8"], false);
    let services = vec![before(json!({})), balanced("new", 4, json!({}))];
    let new = ("new", "192.0.2.9 AddressAllocated: It has 192.0.2.9");
    check(services, "192.0.2.8/29", &[new]);
    // Nodes answer for nothing that this controller has not said is its own.
    let own = json!({"loadBalancerClass": navarch_api::segment_addresses::CLASS});
    let said = "192.0.2.8 AddressAllocated: It has 192.0.2.8";
    check(vec![before(own)], "192.0.2.8/29", &[("before", said)]);
}

#[test]
fn a_certain_address_is_given_where_it_is_free() {
    let wish = |name: &str, age, ip: &str| balanced(name, age, json!({"loadBalancerIP": ip}));
    let services = vec![
        balanced("any", 0, json!({})),
        having(balanced("has", 1, json!({})), &["192.0.2.10"], true),
        wish("free", 2, "192.0.2.8"),
        wish("second", 3, "192.0.2.8"),
        wish("taken", 4, "192.0.2.10"),
        wish("outside", 5, "192.0.2.99"),
        wish("family", 6, "2001:db8::1"),
        wish("nonsense", 7, "x"),
        having(wish("moves", 8, "192.0.2.12"), &["192.0.2.11"], true),
    ];
    let failed = |why: &str| format!(" AllocationFailed: No address: {why}");
    let none = |ip: &str| failed(&format!("{ip} is none of the addresses there are for it"));
    check(
        services,
        "192.0.2.8/29,2001:db8::/112",
        &[
            // The one that is left by the one that moves is free at once.
            ("any", "192.0.2.9 AddressAllocated: It has 192.0.2.9"),
            ("free", "192.0.2.8 AddressAllocated: It has 192.0.2.8"),
            ("second", &failed("192.0.2.8 is another's")),
            ("taken", &failed("192.0.2.10 is another's")),
            ("outside", &none("192.0.2.99")),
            ("family", &none("2001:db8::1")),
            ("nonsense", &none("x")),
            ("moves", "192.0.2.12 AddressAllocated: It has 192.0.2.12"),
        ],
    );
}

/// What a plan has written is what the next finds; a failure is told once.
#[test]
fn a_service_that_found_none_waits_until_one_is_free() {
    let mut waiting = balanced("b", 2, json!({}));
    let services = || vec![having(balanced("a", 1, json!({})), &["192.0.2.8"], true)];
    let mut both = services();
    both.push(waiting.clone());
    let plan = planned(both, "192.0.2.8/32");
    let action = plan.actions().next().unwrap();
    assert_eq!(
        told(action),
        " AllocationFailed: No address: no address of IPv4 is left"
    );
    let Body::Patch(_, patch) = &action.call.body else {
        panic!("{action:?}")
    };
    waiting.status = Some(serde_json::from_value(patch["status"].clone()).unwrap());
    let mut both = services();
    both.push(waiting.clone());
    check(both, "192.0.2.8/32", &[]);
    let said = "192.0.2.8 AddressAllocated: It has 192.0.2.8";
    check(vec![waiting], "192.0.2.8/32", &[("b", said)]);
}

#[test]
fn what_is_given_goes_with_the_type_and_with_the_class() {
    let other = json!({"loadBalancerClass": "example.org/lb"});
    check(
        others(&other),
        "192.0.2.0/24",
        &[("type", " withdrawn"), ("class", "198.51.100.7 withdrawn")],
    );
}

/// Of others' balancers, of which the first two have been this one's.
fn others(other: &Value) -> Vec<Service> {
    let has = |name: &str, ours| {
        let mut service = having(balanced(name, 1, other.clone()), &["192.0.2.9"], ours);
        let theirs = json!({"ip": "198.51.100.7", "ipMode": "VIP"});
        let status = service
            .status
            .as_mut()
            .unwrap()
            .load_balancer
            .as_mut()
            .unwrap();
        let theirs = serde_json::from_value(theirs).unwrap();
        status.ingress.as_mut().unwrap().push(theirs);
        service
    };
    vec![
        having(balanced("type", 1, json!({"type": "NodePort"})), &[], true),
        has("class", true),
        has("theirs", false),
    ]
}

#[test]
fn what_is_given_is_taken_back_where_there_is_nothing_to_give() {
    let mut services = others(&json!({"loadBalancerClass": "example.org/lb"}));
    services.push(having(
        balanced("ours", 1, json!({})),
        &["192.0.2.10"],
        true,
    ));
    services.push(balanced("none", 1, json!({})));
    let view = View {
        services: Snapshot::of(services, &[]),
        nodes: Snapshot::default(),
    };
    let plan = withdrawal(&view);
    let of = |action: &Action| (action.call.name.clone().unwrap(), told(action));
    let all: BTreeMap<_, _> = plan.actions().map(of).collect();
    let all: Vec<_> = all
        .iter()
        .map(|(name, told)| format!("{name}: {told}"))
        .collect();
    assert_eq!(
        all,
        [
            "class: 198.51.100.7 withdrawn",
            "ours:  withdrawn",
            "type:  withdrawn"
        ]
    );
}

/// Every node is a router of its networks, and has the first address of each as all others have.
#[test]
fn what_all_routers_have_is_nobody_s() {
    let service = balanced("a", 1, json!({"ipFamilies": ["IPv6"]}));
    let said = "2001:db8::1 AddressAllocated: It has 2001:db8::1";
    check(vec![service], "2001:db8::/64", &[("a", said)]);
}

/// Whatever is to be taken from somebody may fail, and then it is theirs.
#[test]
fn what_is_to_be_given_up_is_nobody_s_yet() {
    let moves = json!({"loadBalancerIP": "192.0.2.12"});
    let services = vec![
        having(balanced("moves", 1, moves), &["192.0.2.8"], true),
        having(
            balanced("type", 2, json!({"type": "NodePort"})),
            &["192.0.2.9"],
            true,
        ),
        balanced("new", 3, json!({})),
    ];
    check(
        services,
        "192.0.2.8/29",
        &[
            ("moves", "192.0.2.12 AddressAllocated: It has 192.0.2.12"),
            ("type", " withdrawn"),
            ("new", "192.0.2.10 AddressAllocated: It has 192.0.2.10"),
        ],
    );
}

#[test]
fn who_has_one_of_two_families_is_told_both() {
    let both = json!({"ipFamilies": ["IPv4", "IPv6"]});
    let services = vec![
        having(
            balanced("has", 1, json!({"ipFamilies": ["IPv6"]})),
            &["2001:db8::10"],
            true,
        ),
        balanced("both", 2, both),
    ];
    let pool = "192.0.2.8/29,2001:db8::10/128";
    let said = "192.0.2.8 AllocationFailed: It has 192.0.2.8; no address of IPv6 is left";
    check(services, pool, &[("both", said)]);
}
