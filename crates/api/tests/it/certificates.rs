//! Certificate signing requests, of which there is no recorded conversation.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use serde_json::{Value, json};

use crate::hooks::{Kind, words};

const REQUESTS: Kind = Kind("certificates.k8s.io", "certificatesigningrequests");
/// Signed with the key that it names: made by `openssl req -new -subj /CN=alice`.
const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1ISUNBUUF3RURFT01Bd0dBMVVFQXd3RllXeHBZMlV3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQgpCd05DQUFSdmY4UnJKYzhMVnE4M0pFQ3dFT0owdWRncjVKajhGOTdJb2FYS1N4WjcySS96dlVlc2ZXdHBjd1NOCmV4OG5SdmtON0M3UTdBZ05QejNza1liYVJ1aERvQUF3Q2dZSUtvWkl6ajBFQXdJRFNRQXdSZ0loQUs1WkhBazEKSXBRUmFNOSt3V241bjlFTnpONWFVNHkyNDJQU3VHeWJ1OWRhQWlFQThEcE1mUEV0V3Z1TWFQQnRsZklQNTNQWApvUWIzREpjRXIrbnVyTnFzcVgwPQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K";
/// The same with another last bit.
const TAMPERED: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1ISUNBUUF3RURFT01Bd0dBMVVFQXd3RllXeHBZMlV3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVJ2ZjhScgpKYzhMVnE4M0pFQ3dFT0owdWRncjVKajhGOTdJb2FYS1N4WjcySS96dlVlc2ZXdHBjd1NOZXg4blJ2a043QzdRN0FnTlB6M3NrWWJhClJ1aERvQUF3Q2dZSUtvWkl6ajBFQXdJRFNRQXdSZ0loQUs1WkhBazFJcFFSYU05K3dXbjVuOUVOek41YVU0eTI0MlBTdUd5YnU5ZGEKQWlFQThEcE1mUEV0V3Z1TWFQQnRsZklQNTNQWG9RYjNESmNFcitudXJOcXNxWHc9Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";

fn request(spec: &Value) -> Box<dyn Object> {
    REQUESTS.read(&json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "Any Name"}, "spec": spec,
    }))
}

fn created(spec: &Value) -> Vec<String> {
    let object = request(spec);
    let strategy = REQUESTS.strategy();
    let mut errors = strategy.validate(object.as_ref());
    errors.extend(strategy.validate_create(object.as_ref()));
    words(&errors)
}

fn spec() -> Value {
    json!({"request": REQUEST, "signerName": "example.com/s", "usages": ["client auth"]})
}

fn with_conditions(conditions: &Value) -> Box<dyn Object> {
    let mut object = request(&spec());
    let typed: &mut CertificateSigningRequest = object.as_any_mut().downcast_mut().unwrap();
    let status = typed.status.get_or_insert_default();
    status.conditions = serde_json::from_value(conditions.clone()).unwrap();
    object
}

fn changed(part: Part, new: &dyn Object, old: &dyn Object) -> Vec<String> {
    let mut new = new.clone_object();
    let strategy = REQUESTS.strategy();
    strategy.prepare_for_update(part, new.as_mut(), old);
    words(&strategy.validate_update(part, new.as_ref(), old))
}

#[test]
fn a_sound_request_is_sound() {
    assert!(created(&spec()).is_empty(), "{:?}", created(&spec()));
    assert_eq!(
        REQUESTS.write(request(&spec()).as_ref())["status"],
        json!({})
    );
}

#[test]
fn a_request_must_be_signed_and_say_what_for() {
    let nothing = json!({"signerName": "", "usages": []});
    assert_eq!(
        created(&nothing),
        [
            "spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST",
            "spec.usages: Required value",
            "spec.signerName: Required value",
        ]
    );
    let mut tampered = spec();
    tampered["request"] = TAMPERED.into();
    tampered["usages"] = json!(["client auth", "client auth"]);
    tampered["signerName"] = "kubernetes.io/legacy-unknown".into();
    tampered["expirationSeconds"] = 599.into();
    let found = created(&tampered);
    assert!(
        found[0].ends_with(": x509: ECDSA verification failure"),
        "{found:?}"
    );
    assert_eq!(
        found[1..],
        [
            "spec.usages[1]: Duplicate value: \"client auth\"",
            "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName is not allowed via this API \
             version",
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
        ]
    );
}

#[test]
fn a_signer_has_a_domain() {
    let named = |name: &str| {
        let mut spec = spec();
        spec["signerName"] = name.into();
        created(&spec)
    };
    assert_eq!(
        named("x"),
        [
            "spec.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'"
        ]
    );
    assert_eq!(
        named("local/x"),
        [
            "spec.signerName: Invalid value: \"local\": should be a domain with at least two segments separated by dots"
        ]
    );
}

#[test]
fn only_approval_approves() {
    let approved = json!([{"type": "Approved", "status": "True"}]);
    let (old, new) = (with_conditions(&json!([])), with_conditions(&approved));
    let approval = Part::Other("approval");
    assert!(changed(approval, new.as_ref(), old.as_ref()).is_empty());
    assert!(changed(Part::Main, new.as_ref(), old.as_ref()).is_empty());
    assert_eq!(
        changed(Part::Status, new.as_ref(), old.as_ref()),
        ["status.conditions: Forbidden: updates may not add a condition of type \"Approved\""]
    );
    assert_eq!(
        changed(approval, old.as_ref(), new.as_ref()),
        ["status.conditions: Forbidden: updates may not remove a condition of type \"Approved\""]
    );
}

#[test]
fn nothing_is_approved_and_denied() {
    let both =
        json!([{"type": "Approved", "status": "True"}, {"type": "Denied", "status": "False"}]);
    let (old, new) = (with_conditions(&json!([])), with_conditions(&both));
    assert_eq!(
        changed(Part::Other("approval"), new.as_ref(), old.as_ref()),
        [
            "status.conditions[1].status: Unsupported value: \"False\": supported values: \"True\"",
            "status.conditions: Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive",
        ]
    );
}
