//! Who asks.

use http_body_util::BodyExt;
use serde_json::json;

use crate::raw::{Body, Server};

/// One of each kind.
pub(super) struct User {
    /// As the table of decisions calls them.
    pub(super) shown: &'static str,
    /// Empty: nobody who is known.
    pub(super) name: &'static str,
    pub(super) groups: &'static [&'static str],
}

impl User {
    pub(super) fn is_known(&self) -> bool {
        !self.name.is_empty()
    }
}

pub(super) fn all() -> [User; 7] {
    let user = |shown, name, groups| User {
        shown,
        name,
        groups,
    };
    [
        user("nobody", "", &[]),
        user("view", "viewer", &[]),
        user("edit", "editor", &[]),
        user("admin", "administrator", &[]),
        user("node", "system:node:node1", &["system:nodes"]),
        user("account", "system:serviceaccount:default:robot", &[]),
        user("cluster", "root", &["system:masters"]),
    ]
}

/// Gives the users of the namespace `default` their roles, and waits until these are whole.
pub(super) async fn bind(server: &Server) {
    for (role, user) in [
        ("view", "viewer"),
        ("edit", "editor"),
        ("admin", "administrator"),
    ] {
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "name": user, "apiGroup": group}],
        });
        let path = format!("/apis/{group}/v1/namespaces/default/rolebindings");
        let (status, _) = ask(server, "POST", &path, &binding.to_string()).await;
        assert_eq!(status, 201);
    }
    // `admin` gathers what `edit` gathers, and that what `view` does.
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin";
    let gathered = async {
        while !ask(server, "GET", path, "")
            .await
            .1
            .contains("podtemplates")
            && !ask(server, "GET", path, "").await.1.contains("limitranges")
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, gathered).await.unwrap();
}

async fn ask(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.url))
        .header("authorization", format!("Bearer {}", server.token))
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = server.connections.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&text).into_owned())
}
