//! What a role in a namespace gives.

use navarch_api::call::{Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use navarch_api::table;
use navarch_auth::UserInfo;
use serde_json::json;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// A client of Alice's, who may do everything in the namespace `default`.
async fn alice(cluster: &Cluster) -> Client {
    let mut admin = Client::connect(cluster, Who::Certificate).await;
    let role = json!({"metadata": {"name": "all"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    let group = "rbac.authorization.k8s.io";
    let binding = json!({"metadata": {"name": "all"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "all"},
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": group}]});
    for (plural, object) in [("roles", role), ("rolebindings", binding)] {
        let path = format!("{RBAC}/namespaces/default/{plural}");
        let made = admin.post(&path, &object).await;
        assert_eq!(made.status, 201, "{}", made.message());
    }
    Client::connect(cluster, Who::Token("alice-token")).await
}

/// CVE-2019-11247: objects of the cluster could be read, changed and deleted by the path of a namespace, with what a role in that
/// namespace gives.
#[tokio::test]
async fn nothing_of_the_cluster_is_reached_through_a_namespace() {
    let cluster = Cluster::start(0).await;
    let mut alice = alice(&cluster).await;
    let own = alice
        .get("/api/v1/namespaces/default/configmaps?limit=1")
        .await;
    assert_eq!(own.status, 200);
    let in_process = cluster.server.as_user(UserInfo::authenticated("alice", []));
    let of_cluster: Vec<_> = table::builtin()
        .rows()
        .filter(|def| !def.is_namespaced())
        .collect();
    assert!(of_cluster.len() > 20);
    for def in of_cluster {
        let root = match &*def.group {
            "" => format!("/api/{}", def.version),
            group => format!("/apis/{group}/{}", def.version),
        };
        let plural = &def.plural;
        let collection = format!("{root}/namespaces/default/{plural}");
        let object = format!("{collection}/default");
        for (method, path) in [
            ("GET", &collection),
            ("POST", &collection),
            ("DELETE", &collection),
            ("GET", &object),
            ("PUT", &object),
            ("DELETE", &object),
        ] {
            let json = [("content-type", "application/json")];
            let got = alice.send(method, path, &json, "{}").await;
            assert_eq!(got.status, 404, "{method} {path}");
            assert_eq!(
                got.message(),
                "the server could not find the requested resource"
            );
        }
        if plural == "namespaces" {
            // Within the process a namespace is its own.
            continue;
        }
        for verb in [Verb::List, Verb::Get, Verb::Delete] {
            let call = Call {
                verb,
                resource: Gvr {
                    group: def.group.to_string(),
                    version: def.version.to_string(),
                    resource: plural.to_string(),
                },
                namespace: Some("default".into()),
                name: (verb != Verb::List).then(|| "default".into()),
                subresource: None,
                body: Body::None,
                options: Options::default(),
            };
            let refused = in_process.call(call).await.err().map(|error| error.code);
            assert_eq!(refused, Some(404), "{verb:?} {plural}");
        }
    }
}
