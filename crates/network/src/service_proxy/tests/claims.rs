//! What services are together, and what a change of one changes.

use super::*;
use crate::service_proxy::element::Scope;

fn changed(changes: &Changes) -> String {
    let mut text = String::new();
    for (sign, elements) in [
        ('-', changes.removed().collect::<Vec<_>>()),
        ('+', changes.added().collect()),
    ] {
        for (key, value) in elements {
            writeln!(text, "{sign} {}", line(&key, &value)).unwrap();
        }
    }
    text
}

#[test]
fn a_change_of_a_service_changes_its_own_elements_and_no_more() {
    let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    let mut desired = Desired::default();
    let mut first = Changes::default();
    let two = ["10.244.2.3", "10.244.2.4"];
    desired.put(&key("web"), planned(spec.clone(), &two), &mut first);
    assert_eq!(first.removed().count(), 0);
    assert_eq!(first.added().count(), desired.elements().count());
    let mut none = Changes::default();
    desired.put(&key("web"), planned(spec.clone(), &two), &mut none);
    assert!(none.is_empty());
    let mut one = Changes::default();
    desired.put(&key("web"), planned(spec, &two[1..]), &mut one);
    expect![[r#"
        - services 10.96.0.7 tcp 80: choose-services-2
        - endpoints 10.96.0.7 tcp 80 #0: 10.244.2.3:8080
        - endpoints 10.96.0.7 tcp 80 #1: 10.244.2.4:8080
        + services 10.96.0.7 tcp 80: choose-services-1
        + endpoints 10.96.0.7 tcp 80 #0: 10.244.2.4:8080
    "#]]
    .assert_eq(&changed(&one));
    let mut gone = Changes::default();
    desired.put(&key("web"), None, &mut gone);
    assert_eq!(gone.added().count(), 0);
    assert_eq!(desired.elements().count(), 0);
    assert_eq!(desired.services().count(), 0);
}

#[test]
fn nobody_gets_the_address_of_a_service_and_of_two_claims_the_first_name_goes_first() {
    const SHARED: &str = "198.51.100.7";
    let own = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    let claims = |own: &str, policy: &str| {
        let external = json!(["10.96.0.7", SHARED]);
        json!({"clusterIP": own, "externalIPs": external, "externalTrafficPolicy": policy,
            "ports": [{"port": 80}]})
    };
    let winner = |desired: &Desired, ip: &str| {
        let frontend = Frontend::Address(ip.parse().unwrap(), Protocol::Tcp, 80);
        let mut scopes = [Scope::All, Scope::Inside].into_iter();
        scopes.find_map(
            |scope| match desired.value(&Key::Endpoint(scope, frontend, 0)) {
                Some(Value::Endpoint(endpoint)) => Some(endpoint.ip().to_string()),
                _ => None,
            },
        )
    };
    let (mut desired, mut changes) = (Desired::default(), Changes::default());
    let mut put = |desired: &mut Desired, name: &str, plan| {
        desired.put(&key(name), plan, &mut changes);
    };
    let thief = planned(claims("10.96.0.8", "Cluster"), &["10.244.2.2"]);
    put(&mut desired, "b", thief);
    // Not even while the service has no endpoint, or is not there.
    assert_eq!(winner(&desired, "10.96.0.7"), None);
    assert_eq!(winner(&desired, SHARED).unwrap(), "10.244.2.2");
    put(&mut desired, "c", planned(own, &["10.244.2.3"]));
    let thief = planned(claims("10.96.0.9", "Local"), &["10.244.2.1 here"]);
    put(&mut desired, "a", thief);
    assert_eq!(winner(&desired, "10.96.0.7").unwrap(), "10.244.2.3");
    put(&mut desired, "c", None);
    assert_eq!(winner(&desired, "10.96.0.7"), None);
    assert_eq!(winner(&desired, SHARED).unwrap(), "10.244.2.1");
    put(&mut desired, "a", None);
    assert_eq!(winner(&desired, SHARED).unwrap(), "10.244.2.2");
}

#[test]
fn who_may_use_a_frontend_is_said_by_the_service_that_has_it() {
    let firewalled = |range: &str| {
        let mut service = service(json!({
            "type": "LoadBalancer", "clusterIP": "10.96.0.7", "ports": [{"port": 80}], "loadBalancerSourceRanges": [range],
        }));
        service.status =
            serde_json::from_value(json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}))
                .unwrap();
        Some(plan(&service, &[], &node()))
    };
    let allowed = |desired: &Desired| {
        let range = |(key, _)| match key {
            Key::Allowed(_, range) => Some(range.to_string()),
            _ => None,
        };
        desired.elements().filter_map(range).collect::<Vec<_>>()
    };
    let mut desired = Desired::default();
    let mut changes = Changes::default();
    desired.put(&key("b"), firewalled("10.0.0.0/8"), &mut changes);
    assert_eq!(allowed(&desired), ["10.0.0.0/8"]);
    // A range within another one's would be refused by the kernel, and everything with it.
    let mut first = Changes::default();
    desired.put(&key("a"), firewalled("10.1.0.0/16"), &mut first);
    assert_eq!(allowed(&desired), ["10.1.0.0/16"]);
    expect![[r#"
        - allowed-sources 198.51.100.1 tcp 80 from 10.0.0.0/8
        + allowed-sources 198.51.100.1 tcp 80 from 10.1.0.0/16
    "#]]
    .assert_eq(&changed(&first));
    desired.put(&key("a"), firewalled("10.2.0.0/16"), &mut changes);
    assert_eq!(allowed(&desired), ["10.2.0.0/16"]);
    desired.put(&key("a"), None, &mut changes);
    assert_eq!(allowed(&desired), ["10.0.0.0/8"]);
    desired.put(&key("b"), None, &mut changes);
    assert_eq!(desired.elements().count(), 0);
}

#[test]
fn clients_are_forgotten_with_their_endpoint() {
    let spec =
        json!({"clusterIP": "10.96.0.7", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]});
    let mut desired = Desired::default();
    let mut changes = Changes::default();
    desired.put(
        &key("web"),
        planned(spec.clone(), &["10.244.2.3", "10.244.2.4"]),
        &mut changes,
    );
    let remembered = |endpoint: [u8; 4]| crate::netfilter::elements::Element {
        set: encode::AFFINITY[0],
        key: [&[10, 244, 9, 9, 10, 96, 0, 7, 6, 0, 0, 0, 0, 80, 0, 0][..]].concat(),
        end: None,
        data: Some(crate::netfilter::elements::Data::Value(
            [&endpoint[..], &[0x1f, 0x90, 0, 0]].concat(),
        )),
    };
    let known = || vec![remembered([10, 244, 2, 3]), remembered([10, 244, 2, 4])];
    let stale_of = |desired: &Desired, changes: &Changes| {
        let touched = stale::frontends(changes, desired);
        stale::clients(Family::V4, known(), desired, Some(&touched))
    };
    assert_eq!(stale_of(&desired, &changes), []);
    let mut one = Changes::default();
    desired.put(&key("web"), planned(spec, &["10.244.2.4"]), &mut one);
    assert_eq!(stale_of(&desired, &one), [remembered([10, 244, 2, 3])]);
    let mut gone = Changes::default();
    desired.put(&key("web"), None, &mut gone);
    assert_eq!(stale_of(&desired, &gone), known());
}
