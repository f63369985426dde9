//! Names that are more than a name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// As it is in the secret, and in answers that hold the secret.
const CANARY: &str = "Y2FuYXJ5";

/// A client of Alice's, who may read the configuration maps of `default` and the pods and endpoints of all namespaces.
async fn alice(cluster: &Cluster) -> Client {
    let mut admin = Client::connect(cluster, Who::Certificate).await;
    let group = "rbac.authorization.k8s.io";
    let subjects = json!([{"kind": "User", "name": "alice", "apiGroup": group}]);
    let binding = |kind: &str| {
        json!({"metadata": {"name": "reads"}, "subjects": subjects,
            "roleRef": {"apiGroup": group, "kind": kind, "name": "reads"}})
    };
    let rule = |resources: &[&str]| {
        json!({"metadata": {"name": "reads"}, "rules": [
            {"apiGroups": [""], "resources": resources, "verbs": ["get", "list", "watch"]}]})
    };
    let secret = json!({"metadata": {"name": "s"}, "data": {"k": CANARY}});
    let map = json!({"metadata": {"name": "c"}});
    let template = json!({"metadata": {"name": "t"}, "template": {"metadata": {"labels": {"a": CANARY}},
        "spec": {"containers": [{"name": "c", "image": "i"}]}}});
    for (path, object) in [
        (
            format!("{RBAC}/namespaces/default/roles"),
            rule(&["configmaps"]),
        ),
        (
            format!("{RBAC}/namespaces/default/rolebindings"),
            binding("Role"),
        ),
        (format!("{RBAC}/clusterroles"), rule(&["pods", "endpoints"])),
        (
            format!("{RBAC}/clusterrolebindings"),
            binding("ClusterRole"),
        ),
        ("/api/v1/namespaces/default/secrets".into(), secret),
        ("/api/v1/namespaces/default/configmaps".into(), map.clone()),
        (
            "/api/v1/namespaces/kube-system/configmaps".into(),
            json!({"metadata": {"name": CANARY.to_lowercase()}}),
        ),
        ("/api/v1/namespaces/default/podtemplates".into(), template),
    ] {
        let made = admin.post(&path, &object).await;
        assert_eq!(made.status, 201, "{path}: {}", made.message());
    }
    Client::connect(cluster, Who::Token("alice-token")).await
}

/// CVE-2022-3162: who might read one kind read another of its group, by a name that led out of the kind's place in the store.
#[tokio::test]
async fn a_name_does_not_lead_out_of_its_kind() {
    let cluster = Cluster::start(0).await;
    let mut alice = alice(&cluster).await;
    let wrong = |name: &str, why: &str| (400, format!("Name parameter invalid: {name:?}: {why}"));
    let no_such_path = || {
        (
            404,
            "the server could not find the requested resource".to_owned(),
        )
    };
    for (name, expected) in [
        ("..", wrong("..", "may not be '..'")),
        ("%2e%2e", wrong("..", "may not be '..'")),
        ("%2E.", wrong("..", "may not be '..'")),
        (".", wrong(".", "may not be '.'")),
        ("..%2fsecrets%2fs", no_such_path()),
        ("%2e%2e%2F%2e%2e%2Fsecrets%2Fdefault%2Fs", no_such_path()),
        ("c%2f..%2f..%2fsecrets%2fdefault%2fs", no_such_path()),
        (
            "%252e%252e%252fsecrets",
            wrong("%2e%2e%2fsecrets", "may not contain '%'"),
        ),
    ] {
        let path = format!("/api/v1/namespaces/default/configmaps/{name}");
        let got = alice.get(&path).await;
        let said = (got.status.as_u16(), got.message());
        assert_eq!(said, expected, "{name}");
    }
    for path in [
        "/api/v1/namespaces/default/configmaps/../secrets/s",
        "/api/v1/namespaces/default/configmaps/../../default/secrets/s",
        "/api/v1/namespaces/default%2f..%2f..%2fsecrets/configmaps",
        "/api/v1/namespaces/../namespaces/default/secrets/s",
        "/api/v1/namespaces/default/secrets%2fs",
    ] {
        let got = alice.get(path).await;
        assert!(matches!(got.status.as_u16(), 400 | 403 | 404), "{path}");
        let text = String::from_utf8_lossy(&got.bytes);
        assert!(!text.contains(CANARY), "{path}: {text}");
    }
}

/// At the old addresses of watches everything is a watch: who may watch what is proxied must not write through it.
#[tokio::test]
async fn a_watch_leads_through_no_proxy() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    for path in [
        "/api/v1/watch/namespaces/default/pods/p/proxy/x",
        "/api/v1/watch/namespaces/default/services/s/proxy/",
        "/api/v1/watch/nodes/n/proxy/run",
        "/api/v1/watch/namespaces/default/pods/p/exec",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let got = admin.send(method, path, &[], "").await;
            let status = got.status.as_u16();
            assert!(matches!(status, 404 | 405), "{path}: {}", got.message());
            assert!(
                !got.message().contains("not found"),
                "{path}: it was looked for"
            );
        }
    }
}

/// The other way in CVE-2022-3162: a kind whose name begins with that of another was listed with it.
#[tokio::test]
async fn a_list_holds_no_other_kind_whose_name_begins_alike() {
    let cluster = Cluster::start(0).await;
    let mut alice = alice(&cluster).await;
    for path in [
        "/api/v1/pods",
        "/api/v1/namespaces/default/pods",
        "/api/v1/pods?watch=true&timeoutSeconds=1&resourceVersion=0",
        "/api/v1/endpoints",
    ] {
        let got = alice.get(path).await;
        assert_eq!(got.status, 200, "{path}");
        let text = String::from_utf8_lossy(&got.bytes);
        assert!(!text.contains(CANARY), "{path}: {text}");
    }
}

/// A page begins where its token says: the token is the client's to write.
#[tokio::test]
async fn a_token_of_the_next_page_does_not_lead_out_of_the_list() {
    let cluster = Cluster::start(0).await;
    let mut alice = alice(&cluster).await;
    for start in [
        "../secrets/default/",
        "default/../../secrets/",
        "kube-system/",
        "",
        "a",
    ] {
        let token = json!({"v": "meta.k8s.io/v1", "rv": -1, "start": format!("{start}\0")});
        let token = URL_SAFE_NO_PAD.encode(token.to_string());
        let path = format!("/api/v1/namespaces/default/configmaps?limit=10&continue={token}");
        let got = alice.get(&path).await;
        assert_eq!(got.status, 400, "{start}: {}", got.message());
        assert!(
            got.message().starts_with("invalid continue token: "),
            "{start}: {}",
            got.message()
        );
    }
}
