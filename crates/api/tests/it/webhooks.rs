//! Configurations of webhooks and policies that no recorded conversation covers.

use serde_json::{Value, json};

use crate::hooks::{Kind, words};

const GROUP: &str = "admissionregistration.k8s.io";
const WEBHOOKS: Kind = Kind(GROUP, "mutatingwebhookconfigurations");
const POLICIES: Kind = Kind(GROUP, "validatingadmissionpolicies");
const BINDINGS: Kind = Kind(GROUP, "mutatingadmissionpolicybindings");

fn object(kind: &str, more: &Value) -> Value {
    let mut body = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "x"}});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn found(kind: &Kind, body: &Value) -> Vec<String> {
    words(&kind.strategy().validate_create(kind.read(body).as_ref()))
}

fn webhook(more: &Value) -> Value {
    let mut hook = json!({
        "name": "a.example.com", "clientConfig": {"url": "https://h.example.com/x"}, "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
    });
    for (key, value) in more.as_object().unwrap() {
        hook[key] = value.clone();
    }
    object("MutatingWebhookConfiguration", &json!({"webhooks": [hook]}))
}

#[test]
fn a_webhook_gets_its_defaults() {
    let value = WEBHOOKS.write(WEBHOOKS.read(&webhook(&json!({}))).as_ref());
    let hook = &value["webhooks"][0];
    for (name, default) in [
        ("failurePolicy", json!("Fail")),
        ("matchPolicy", json!("Equivalent")),
        ("namespaceSelector", json!({})),
        ("objectSelector", json!({})),
        ("reinvocationPolicy", json!("Never")),
        ("timeoutSeconds", json!(10)),
    ] {
        assert_eq!(hook[name], default, "{name}");
    }
    assert_eq!(hook["rules"][0]["scope"], "*");
    assert!(found(&WEBHOOKS, &webhook(&json!({}))).is_empty());
}

#[test]
fn a_webhook_is_reached_in_one_way() {
    let at = |config: Value| found(&WEBHOOKS, &webhook(&json!({ "clientConfig": config })));
    assert_eq!(
        at(json!({})),
        ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]
    );
    let url = "webhooks[0].clientConfig.url: Invalid value";
    let form = "desired format: https://host[/path]";
    assert_eq!(
        at(json!({"url": "http://u@h.example.com/?q#f"})),
        [
            format!("{url}: \"http\": 'https' is the only allowed URL scheme; {form}"),
            format!("{url}: \"u\": user information is not permitted in the URL"),
            format!("{url}: \"f\": fragments are not permitted in the URL"),
            format!("{url}: \"q\": query parameters are not permitted in the URL"),
        ]
    );
    // Name and namespace are told at each other's place, as Kubernetes does.
    assert_eq!(
        at(json!({"service": {"name": "", "namespace": "d", "path": "xa//y", "port": 0}})),
        [
            "webhooks[0].clientConfig.service.namespace: Required value",
            "webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
            "webhooks[0].clientConfig.service.path: Invalid value: \"xa//y\": must start with a '/'",
            "webhooks[0].clientConfig.service.path: Invalid value: \"xa//y\": segment[1] may not be empty",
        ]
    );
}

#[test]
fn a_webhook_says_all_that_is_asked() {
    let bad = json!({
        "name": "a.b", "sideEffects": "Some", "timeoutSeconds": 31, "admissionReviewVersions": ["v2", "v2"],
        "rules": [{"apiGroups": ["*", "a"], "apiVersions": [""], "resources": ["*", "pods"], "operations": ["*", "GET"], "scope": "x"}],
    });
    assert_eq!(
        found(&WEBHOOKS, &webhook(&bad)),
        [
            "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots",
            "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"GET\"]: if '*' is present, must not specify other operations",
            "webhooks[0].rules[0].operations[1]: Unsupported value: \"GET\": supported values: \"*\", \"CONNECT\", \"CREATE\", \
             \"DELETE\", \"UPDATE\"",
            "webhooks[0].rules[0].apiGroups: Invalid value: [\"*\",\"a\"]: if '*' is present, must not specify other API groups",
            "webhooks[0].rules[0].apiVersions[0]: Required value",
            "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other resources \
             without subresources",
            "webhooks[0].rules[0].scope: Unsupported value: \"x\": supported values: \"*\", \"Cluster\", \"Namespaced\"",
            "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
            "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            "webhooks[0].admissionReviewVersions[1]: Invalid value: \"v2\": duplicate version",
            "webhooks[0].admissionReviewVersions: Invalid value: [\"v2\",\"v2\"]: must include at least one of v1, v1beta1",
        ]
    );
}

#[test]
fn a_policy_needs_something_to_check() {
    let empty = object(
        "ValidatingAdmissionPolicy",
        &json!({"spec": {"paramKind": {"apiVersion": "a/b/c"}}}),
    );
    assert_eq!(
        found(&POLICIES, &empty),
        [
            "spec.paramKind.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c",
            "spec.paramKind.kind: Required value",
            "spec.matchConstraints: Required value",
            "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
            "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
        ]
    );
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]);
    let bad = json!({"spec": {
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": [{"name": "a", "expression": " "}],
        "variables": [{"name": "in", "expression": "1"}],
        "validations": [{"expression": "", "message": "a\nb", "messageExpression": " ", "reason": "Odd"}],
        "auditAnnotations": [{"key": "k", "valueExpression": "'v'"}, {"key": "k", "valueExpression": ""}],
    }});
    assert_eq!(
        found(&POLICIES, &object("ValidatingAdmissionPolicy", &bad)),
        [
            "spec.matchConditions[0].expression: Required value",
            "spec.variables[0].name: Invalid value: \"in\": must be a valid CEL identifier",
            "spec.validations[0].expression: Required value: expression is not specified",
            "spec.validations[0].messageExpression: Invalid value: \" \": must be non-empty if specified",
            "spec.validations[0].message: Invalid value: \"a\\nb\": must not contain line breaks",
            "spec.validations[0].reason: Unsupported value: \"Odd\": supported values: \"Forbidden\", \"Invalid\", \
             \"RequestEntityTooLarge\"",
            "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
            "spec.auditAnnotations[1].key: Duplicate value: \"k\"",
        ]
    );
}

#[test]
fn a_binding_takes_parameters_from_one_place() {
    let spec = json!({"policyName": "", "paramRef": {"name": "n", "selector": {}}, "matchResources": {"resourceRules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["DELETE"]},
    ]}});
    let body = object("MutatingAdmissionPolicyBinding", &json!({ "spec": spec }));
    assert_eq!(
        found(&BINDINGS, &body),
        [
            "spec.policyName: Required value",
            "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
            "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
            "spec.paramRef.parameterNotFoundAction: Required value",
            "spec.matchResources.resourceRules.operations: Unsupported value: \"DELETE\": supported values: \"*\", \"CONNECT\", \
             \"CREATE\", \"UPDATE\"",
        ]
    );
}
