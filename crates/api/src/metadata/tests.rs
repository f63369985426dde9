use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta, OwnerReference,
};
use navarch_machinery::field::{ErrorList, Path};

use super::*;
use crate::naming;

fn validate(
    meta: &ObjectMeta,
    namespaced: bool,
    name_errors: fn(&str, bool) -> Vec<String>,
) -> ErrorList {
    Checked::new(meta).whole(namespaced, name_errors)
}

fn validate_update(meta: &ObjectMeta, old: &ObjectMeta) -> ErrorList {
    Checked::new(meta).change(old)
}

fn words(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn meta(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some("default".into()),
        ..Default::default()
    }
}

#[test]
fn a_sound_object_is_sound() {
    assert!(validate(&meta("a.b"), true, naming::subdomain).is_empty());
}

#[test]
fn a_generated_name_may_end_in_a_dash() {
    let generated = ObjectMeta {
        generate_name: Some("web-".into()),
        ..meta("web-x7k2p")
    };
    assert!(validate(&generated, true, naming::subdomain).is_empty());
    let bad = ObjectMeta {
        generate_name: Some("Web-".into()),
        ..meta("web-x7k2p")
    };
    assert_eq!(validate(&bad, true, naming::subdomain).len(), 1);
}

#[test]
fn names_and_namespaces_are_asked_for() {
    let nothing = ObjectMeta::default();
    assert_eq!(
        words(&validate(&nothing, true, naming::subdomain)),
        [
            "metadata.name: Required value: name or generateName is required",
            "metadata.namespace: Required value"
        ]
    );
    assert_eq!(
        words(&validate(&meta("a"), false, naming::subdomain)),
        ["metadata.namespace: Forbidden: not allowed on this type"]
    );
}

#[test]
fn one_controller_at_most() {
    let owner = |name: &str| OwnerReference {
        api_version: "apps/v1".into(),
        kind: "ReplicaSet".into(),
        name: name.into(),
        uid: "u".into(),
        controller: Some(true),
        ..Default::default()
    };
    let owned = ObjectMeta {
        owner_references: Some(vec![owner("a"), owner("b")]),
        ..meta("x")
    };
    let found = words(&validate(&owned, true, naming::subdomain));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("Found \"true\" in references for ReplicaSet/a and ReplicaSet/b"),
        "{found:?}"
    );
    let shown =
        r#"[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"a","uid":"u","controller":true},{"#;
    assert!(found[0].contains(shown), "{found:?}");
}

#[test]
fn annotations_are_bounded_together() {
    let large = ObjectMeta {
        annotations: Some([("a".to_owned(), "x".repeat(256 * 1024))].into()),
        ..meta("x")
    };
    assert_eq!(
        words(&validate(&large, true, naming::subdomain)),
        ["metadata.annotations: Too long: may not be more than 262144 bytes"]
    );
}

#[test]
fn a_finalizer_has_a_domain_or_is_kubernetes_own() {
    let held = ObjectMeta {
        finalizers: Some(vec!["a/b".into(), "orphan".into(), "bad".into()]),
        ..meta("x")
    };
    assert_eq!(
        words(&validate_known_finalizers(&held)),
        [
            "metadata.finalizers[2]: Invalid value: \"bad\": name is neither a standard finalizer name nor is it fully qualified"
        ]
    );
}

#[test]
fn an_object_going_takes_no_finalizer() {
    let old = ObjectMeta {
        deletion_timestamp: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            jiff::Timestamp::UNIX_EPOCH,
        )),
        ..meta("x")
    };
    let new = ObjectMeta {
        finalizers: Some(vec!["example.com/more".into()]),
        ..old.clone()
    };
    assert_eq!(
        words(&validate_update(&new, &old)),
        [
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new \
          finalizers []string{\"example.com/more\"}"
        ]
    );
}

#[test]
fn the_uid_stays() {
    let old = ObjectMeta {
        uid: Some("a".into()),
        ..meta("x")
    };
    let new = ObjectMeta {
        uid: Some("b".into()),
        ..meta("x")
    };
    assert_eq!(
        words(&validate_update(&new, &old)),
        ["metadata.uid: Invalid value: \"b\": field is immutable"]
    );
    let mut left_out = meta("x");
    prepare_for_update(&mut left_out, &old);
    assert!(validate_update(&left_out, &old).is_empty());
}

#[test]
fn selectors_are_checked_and_written() {
    let requirement = |operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: "c".into(),
        operator: operator.into(),
        values: Some(values.iter().map(|&v| v.to_owned()).collect()),
    };
    let selector = |r| LabelSelector {
        match_labels: Some([("z".to_owned(), "b".to_owned())].into()),
        match_expressions: Some(vec![r]),
    };
    assert_eq!(
        format_selector(&selector(requirement("In", &["e", "d"]))),
        "c in (d,e),z=b"
    );
    assert_eq!(
        format_selector(&selector(requirement("DoesNotExist", &[]))),
        "!c,z=b"
    );
    let found = words(&validate_label_selector(
        &selector(requirement("Odd", &[])),
        &Path::new("spec"),
    ));
    assert_eq!(
        found,
        [
            "spec.matchExpressions[0].operator: Invalid value: \"Odd\": not a valid selector operator"
        ]
    );
    assert_eq!(
        validate_label_selector(&selector(requirement("In", &[])), &Path::new("spec")).len(),
        1
    );
}
