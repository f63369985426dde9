//! The table is what an API server of Kubernetes 1.36 makes when it starts: `tests/fixtures/rbac-bootstrap.jsonl`, an object a line.
//! The build that made them adds two roles that Kubernetes does not have (`system:openshift:public-info-viewer` and
//! `system:controller:service-ca-cert-publisher`); they and their bindings were left out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::policy::Policy;

type Objects = BTreeMap<String, Value>;

fn insert(objects: &mut Objects, object: Value) {
    let meta = &object["metadata"];
    let place = format!("{} {} {}", object["kind"], meta["namespace"], meta["name"]);
    assert!(
        objects.insert(place.clone(), object).is_none(),
        "{place} twice"
    );
}

fn ours() -> Objects {
    fn all<T: Serialize>(objects: &mut Objects, of: &[T]) {
        of.iter()
            .for_each(|object| insert(objects, serde_json::to_value(object).unwrap()));
    }
    let (policy, mut objects) = (Policy::bootstrap().unwrap(), Objects::new());
    all(&mut objects, &policy.cluster_roles);
    all(&mut objects, &policy.cluster_role_bindings);
    all(&mut objects, &policy.roles);
    all(&mut objects, &policy.role_bindings);
    objects
}

#[test]
fn the_policy_is_that_of_kubernetes() {
    let text = include_str!("../../../tests/fixtures/rbac-bootstrap.jsonl");
    let mut wanted = Objects::new();
    for line in text.lines() {
        insert(&mut wanted, serde_json::from_str(line).unwrap());
    }
    let ours = ours();
    let names = |objects: &Objects| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&wanted));
    for (place, wanted) in &wanted {
        assert_eq!(&ours[place], wanted, "{place}");
    }
}
