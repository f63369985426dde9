#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use serde_json::{Value, json};

use super::*;

fn account(limits: &str) -> ServiceAccount {
    serde_json::from_value(json!({
        "metadata": {"name": "a", "annotations": {ANNOTATION: limits}},
        "secrets": [{"name": "own"}],
        "imagePullSecrets": [{"name": "pull"}],
    }))
    .unwrap()
}

fn found(spec: Value) -> Option<String> {
    let spec: PodSpec = serde_json::from_value(spec).unwrap();
    assert_eq!(objection(&account("false"), &spec), None);
    assert_eq!(ephemeral_objection(&account("false"), &spec), None);
    let account = account("true");
    objection(&account, &spec).or_else(|| ephemeral_objection(&account, &spec))
}

fn check(what: &str, spec: Value) {
    let expected =
        format!("{what} is not allowed because service account a does not reference that secret");
    assert_eq!(found(spec), Some(expected));
}

fn container(secret: &str) -> Value {
    let one = json!({"name": "E", "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}});
    json!({"name": "c", "env": [one]})
}

#[test]
fn what_the_account_names_is_allowed() {
    let all = json!({
        "volumes": [{"name": "v", "secret": {"secretName": "own"}}, {"name": "e", "emptyDir": {}}],
        "initContainers": [container("own")],
        "containers": [container("own"), {"name": "d", "envFrom": [{"secretRef": {"name": "own"}}]}],
        "ephemeralContainers": [container("own")],
        "imagePullSecrets": [{"name": "pull"}],
    });
    assert_eq!(found(all), None);
}

#[test]
fn volumes_are_limited() {
    let spec = json!({"containers": [], "volumes": [{"name": "v", "secret": {"secretName": "x"}}]});
    check("volume with secret.secretName=\"x\"", spec);
}

#[test]
fn variables_of_containers_and_init_containers_are_limited() {
    let why = "container c with envVar E referencing secret.secretName=\"x\"";
    check(why, json!({"containers": [container("x")]}));
    let init = json!({"containers": [], "initContainers": [container("x")]});
    check(&format!("init {why}"), init);
}

/// CVE-2023-2728: whoever may add a container to a pod that is there reads no secret by it that the pod may not.
#[test]
fn ephemeral_containers_get_no_secret_that_the_account_does_not_name() {
    let spec = json!({"containers": [], "ephemeralContainers": [container("x")]});
    check(
        "ephemeral container c with envVar E referencing secret.secretName=\"x\"",
        spec,
    );
}

/// CVE-2024-3177: a secret whose keys all become variables is one that is referred to, in containers of every sort.
#[test]
fn env_from_is_limited_in_containers_of_every_sort() {
    let from = json!({"name": "c", "envFrom": [{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "x"}}]});
    for (list, sort) in [
        ("containers", "container"),
        ("initContainers", "init container"),
        ("ephemeralContainers", "ephemeral container"),
    ] {
        let mut spec = json!({"containers": []});
        spec[list] = json!([from]);
        check(
            &format!("{sort} c with envFrom referencing secret.secretName=\"x\""),
            spec,
        );
    }
}

#[test]
fn pull_secrets_are_limited() {
    let spec = json!({"containers": [], "imagePullSecrets": [{"name": "pull"}, {"name": "x"}]});
    let why = "imagePullSecrets[1].name=\"x\" is not allowed because service account a does not reference that imagePullSecret";
    assert_eq!(found(spec).as_deref(), Some(why));
}
