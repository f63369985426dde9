//! The keys of service account tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::api_only::ApiOnly;
use crate::raw::Body;

const RSA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../auth/tests/fixtures/token-keys/rsa.pem"
);
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const WHOAMI: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn send(api: &ApiOnly, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", api.server.url))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = api.server.connections.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&text).unwrap())
}

async fn robots_token(api: &ApiOnly) -> String {
    let path = format!("{ACCOUNTS}/robot/token");
    let (status, made) = send(api, &api.server.token, "POST", &path, "{}").await;
    assert_eq!(status, 201, "{made}");
    made["status"]["token"].as_str().unwrap().to_owned()
}

async fn is_believed(api: &ApiOnly, token: &str) -> bool {
    match send(api, token, "POST", WHOAMI, "{}").await.0 {
        201 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// What signs a token, by the token's own words.
fn algorithm(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["alg"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_exchanged_without_a_token_being_refused() {
    let mut api = ApiOnly::start().await;
    let account = json!({"metadata": {"name": "robot"}}).to_string();
    let admin = api.server.token.clone();
    let (status, _) = send(&api, &admin, "POST", ACCOUNTS, &account).await;
    assert_eq!(status, 201);
    let before = robots_token(&api).await;
    assert_eq!(algorithm(&before), "ES256");
    assert!(is_believed(&api, &before).await);

    let own = api.data().join("pki/sa.key").display().to_string();
    let signer = ["--service-account-signing-key-file", RSA];
    api.restart_with(&[&signer[..], &["--service-account-key-file", &own]].concat());
    let after = robots_token(&api).await;
    assert_eq!(algorithm(&after), "RS256");
    assert!(is_believed(&api, &before).await && is_believed(&api, &after).await);
    let (_, keys) = send(&api, &admin, "GET", "/openid/v1/jwks", "").await;
    let algorithms: Vec<&str> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    assert_eq!(algorithms, ["RS256", "ES256"]);
    let path = "/.well-known/openid-configuration";
    let (_, told) = send(&api, &admin, "GET", path, "").await;
    let supported = &told["id_token_signing_alg_values_supported"];
    assert_eq!(*supported, json!(["ES256", "RS256"]));

    api.restart_with(&signer);
    assert!(!is_believed(&api, &before).await);
    assert!(is_believed(&api, &after).await);
}
