//! What a stranger may send: refused in Kubernetes' words, and the server goes on.

use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::api_only::ApiOnly;
use crate::raw::{Body, Server};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: &str = "application/json";

#[tokio::test]
async fn bad_bodies_are_refused_in_kubernetes_words() {
    let api = ApiOnly::start().await;
    let nested = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a"}},"data":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let deep_yaml = format!("kind: ConfigMap\napiVersion: v1\nx: {}", "[".repeat(50_000));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
    let deployment = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}}"#;
    let cases: [(&str, &str, String, u16, &str); 10] = [
        (
            "half an object",
            JSON,
            r#"{"kind":"ConfigMap","apiVersion":"v1","#.into(),
            400,
            "unexpected end of JSON input",
        ),
        (
            "no JSON",
            JSON,
            "hello".into(),
            400,
            "invalid character 'h' looking for beginning of value",
        ),
        (
            "bytes",
            JSON,
            "\u{0}\u{1}\u{fffd}".into(),
            400,
            "invalid character",
        ),
        (
            "half a mapping",
            "application/yaml",
            "kind: ConfigMap\n  apiVersion: v1\n".into(),
            400,
            "yaml",
        ),
        (
            "ten megabytes",
            JSON,
            format!(r#"{{"data":"{}"}}"#, "x".repeat(10 << 20)),
            413,
            "Request entity too large: limit is 3145728",
        ),
        ("deep JSON", JSON, nested, 400, ""),
        ("deep YAML", "application/yaml", deep_yaml, 400, ""),
        ("growing YAML", "application/yaml", bomb.into(), 400, ""),
        (
            "another kind",
            JSON,
            deployment.into(),
            400,
            "Deployment in version \"v1\" cannot be handled as a ConfigMap",
        ),
        (
            "a number for a text",
            JSON,
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":5}}"#.into(),
            400,
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string",
        ),
    ];
    for (what, kind, body, code, words) in cases {
        let (status, answer) = ask(&api.server, Method::POST, MAPS, kind, body).await;
        refused(what, status, &answer, code, words);
        goes_on(&api.server).await;
    }
}

#[tokio::test]
async fn unknown_and_double_fields_are_refused_where_that_is_asked() {
    let api = ApiOnly::start().await;
    let body = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"dta":{},"data":{"k":"1","k":"2"}}"#;
    let strict = format!("{MAPS}?fieldValidation=Strict");
    let (status, answer) = ask(&api.server, Method::POST, &strict, JSON, body.into()).await;
    refused("strict", status, &answer, 400, "strict decoding error: ");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains(r#"unknown field "dta""#), "{message}");
    assert!(message.contains(r#"duplicate field "data.k""#), "{message}");
    let other = format!("{MAPS}?fieldValidation=Never");
    let (status, _) = ask(&api.server, Method::POST, &other, JSON, body.into()).await;
    assert_eq!(status, 422, "fieldValidation that there is not");
    let ignore = format!("{MAPS}?fieldValidation=Ignore");
    let (status, answer) = ask(&api.server, Method::POST, &ignore, JSON, body.into()).await;
    assert_eq!((status, &answer["data"]), (201, &json!({"k": "2"})));
}

#[tokio::test]
async fn names_lead_nowhere_else() {
    let api = ApiOnly::start().await;
    for name in [
        "../../etc/passwd",
        "..",
        ".",
        "a/b",
        "a%2fb",
        "A",
        "a\u{0}",
        &"a".repeat(254),
    ] {
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let (status, answer) = ask(&api.server, Method::POST, MAPS, JSON, body.to_string()).await;
        refused(name, status, &answer, 422, "metadata.name: Invalid value");
    }
    for path in ["..%2f..%2fx", "%2e%2e", "a%00b", "a%ff", "..", "%2f%2f"] {
        let path = format!("{MAPS}/{path}");
        let (status, answer) = ask(&api.server, Method::GET, &path, JSON, String::new()).await;
        assert!((400..500).contains(&status), "{path}: {status} {answer}");
        assert_ne!(answer["kind"], "ConfigMap", "{path}");
    }
    let elsewhere = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "kube-system"}});
    let (status, answer) = ask(&api.server, Method::POST, MAPS, JSON, elsewhere.to_string()).await;
    refused(
        "another namespace",
        status,
        &answer,
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    );
    goes_on(&api.server).await;
}

/// Sends one request; returns the status and the body, which must be JSON.
async fn ask(
    server: &Server,
    method: Method,
    path: &str,
    kind: &str,
    body: String,
) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.url))
        .header("authorization", format!("Bearer {}", server.token))
        .header("content-type", kind)
        .body(Body::from(body))
        .unwrap();
    let response = server.connections.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    (
        status,
        serde_json::from_slice(&body).unwrap_or(Value::String(text)),
    )
}

/// The answer is a `Status` that refuses with this code and in these words.
fn refused(what: &str, status: u16, answer: &Value, code: u16, words: &str) {
    assert_eq!(status, code, "{what}: {answer}");
    assert_eq!(answer["kind"], "Status", "{what}: {answer}");
    assert_eq!(answer["status"], "Failure", "{what}: {answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(words),
        "{what}: {message:?} does not hold {words:?}"
    );
    assert!(
        message.len() < 20_000,
        "{what}: a message of {} bytes",
        message.len()
    );
}

async fn goes_on(server: &Server) {
    let (status, list) = ask(server, Method::GET, MAPS, JSON, String::new()).await;
    assert_eq!((status, &list["kind"]), (200, &json!("ConfigMapList")));
}
