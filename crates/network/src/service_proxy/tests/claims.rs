//! What services are together, and what a change of one changes.

use super::*;

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
fn of_two_claims_the_clusters_own_address_goes_first_and_then_the_name() {
    let own = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    let thief = |own: &str| json!({"clusterIP": own, "externalIPs": ["10.96.0.7"], "ports": [{"port": 80}]});
    let frontend = Frontend::Address("10.96.0.7".parse().unwrap(), Protocol::Tcp, 80);
    let at = Key::Endpoint(crate::service_proxy::element::Scope::All, frontend, 0);
    let winner = |desired: &Desired| match desired.value(&at) {
        Some(Value::Endpoint(endpoint)) => endpoint.ip().to_string(),
        other => panic!("{other:?}"),
    };
    let mut desired = Desired::default();
    let mut changes = Changes::default();
    desired.put(
        &key("b"),
        planned(thief("10.96.0.8"), &["10.244.2.2"]),
        &mut changes,
    );
    assert_eq!(winner(&desired), "10.244.2.2");
    desired.put(&key("c"), planned(own, &["10.244.2.3"]), &mut changes);
    assert_eq!(winner(&desired), "10.244.2.3");
    desired.put(
        &key("a"),
        planned(thief("10.96.0.9"), &["10.244.2.1"]),
        &mut changes,
    );
    assert_eq!(winner(&desired), "10.244.2.3");
    desired.put(&key("c"), None, &mut changes);
    assert_eq!(winner(&desired), "10.244.2.1");
    desired.put(&key("a"), None, &mut changes);
    assert_eq!(winner(&desired), "10.244.2.2");
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
