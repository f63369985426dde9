use navarch_api::call::Body;
use serde_json::{Value, json};

use super::*;

fn secret(annotations: Value, data: Value) -> Secret {
    serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": "s", "uid": "s1", "annotations": annotations},
        "type": "kubernetes.io/service-account-token", "data": data,
    }))
    .unwrap()
}

fn account(uid: &str, secrets: &[&str]) -> ServiceAccount {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": "robot", "uid": uid}, "secrets": secrets,
    }))
    .unwrap()
}

fn view(secret: Option<Secret>, account: Option<ServiceAccount>) -> View {
    View {
        secrets: Snapshot::of(secret, &[secrets_by_account()]),
        accounts: Snapshot::of(account, &[accounts_by_secret()]),
    }
}

fn planned(view: &View) -> Plan {
    let issue: IssueToken = Arc::new(|account, _| account.metadata.uid.clone());
    plan(view, &ObjectKey::new("ns", "s"), "PEM", &issue)
}

fn verbs(view: &View) -> Vec<&'static str> {
    let plan = planned(view);
    plan.actions().map(|it| it.call.verb.as_str()).collect()
}

/// The object that the only call of a plan writes.
fn written<T: Clone + 'static>(view: &View) -> T {
    let plan = planned(view);
    let [action] = plan.actions().collect::<Vec<_>>()[..] else {
        panic!("{plan:?}");
    };
    let Body::Object(object) = &action.call.body else {
        panic!("{action:?}");
    };
    object.as_any().downcast_ref::<T>().unwrap().clone()
}

#[test]
fn a_secret_is_filled_in_once() {
    let named = json!({"kubernetes.io/service-account.name": "robot"});
    let empty = view(Some(secret(named, json!({}))), Some(account("u1", &[])));
    let filled: Secret = written(&empty);
    let data = filled.data.clone().unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    assert_eq!(
        [text("ca.crt"), text("namespace"), text("token")],
        ["PEM", "ns", "u1"]
    );
    assert_eq!(annotation(&filled, ACCOUNT_UID), "u1");
    assert!(verbs(&view(Some(filled.clone()), Some(account("u1", &[])))).is_empty());
    // What is there of a token stays, and another authority comes in the place of the old one.
    let mut other = filled;
    let data = other.data.as_mut().unwrap();
    data.insert("ca.crt".into(), ByteString(b"old".into()));
    data.insert("token".into(), ByteString(b"kept".into()));
    let mended: Secret = written(&view(Some(other), Some(account("u1", &[]))));
    let data = mended.data.unwrap();
    assert_eq!(
        (&*data["ca.crt"].0, &*data["token"].0),
        (&b"PEM"[..], &b"kept"[..])
    );
}

#[test]
fn a_secret_goes_with_its_account() {
    let of = |uid: &str| {
        let annotations = json!({ACCOUNT_NAME: "robot", ACCOUNT_UID: uid});
        Some(secret(annotations, json!({})))
    };
    assert_eq!(verbs(&view(of(""), None)), ["get", "delete"]);
    assert_eq!(verbs(&view(of("u1"), None)), ["get", "delete"]);
    // Another account of that name is not its own.
    let replaced = view(of("u1"), Some(account("u2", &[])));
    assert_eq!(verbs(&replaced), ["get", "delete"]);
    assert_eq!(verbs(&view(of("u2"), Some(account("u2", &[])))), ["update"]);
    let mut going = of("u1").unwrap();
    going.metadata.deletion_timestamp = Some(Timestamp::UNIX_EPOCH.into());
    assert!(verbs(&view(Some(going), None)).is_empty());
}

#[test]
fn an_account_does_not_list_a_secret_that_is_gone() {
    let listed = view(None, Some(account("u1", &["s", "t"])));
    let left: ServiceAccount = written(&listed);
    let names: Vec<_> = left
        .secrets
        .unwrap()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, [Some("t".to_owned())]);
    assert!(verbs(&view(None, Some(account("u1", &["t"])))).is_empty());
}

#[test]
fn gone_is_what_is_not_there_by_that_uid() {
    use crate::Expected;
    let there = account("u1", &[]);
    for (uid, found, met) in [
        ("u1", Some(&there), false),
        ("u2", Some(&there), true),
        ("", Some(&there), false),
        ("u1", None, true),
        ("", None, true),
    ] {
        let found = found.map(|it| it as &dyn navarch_machinery::object::Object);
        assert_eq!(Expected::Gone(uid.to_owned()).is_met(found), met, "{uid:?}");
    }
}
