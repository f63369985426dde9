//! Who may do what by roles, and that nobody gives more than they have. The answers are those of Kubernetes 1.36.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn role(name: &str, rules: &Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
}

fn binding(name: &str, kind: &str, role: &str, user: &str) -> Value {
    let namespaced = kind == "Role";
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name},
        "kind": if namespaced { "RoleBinding" } else { "ClusterRoleBinding" },
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    })
}

async fn with_alice(cluster: &Cluster, rules: &Value) -> (Client, Client) {
    let mut admin = Client::connect(cluster, Who::Certificate).await;
    let made = admin
        .post(&format!("{RBAC}/clusterroles"), &role("alices", rules))
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    let bound = binding("alices", "ClusterRole", "alices", "alice");
    let made = admin
        .post(&format!("{RBAC}/clusterrolebindings"), &bound)
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    (
        admin,
        Client::connect(cluster, Who::Token("alice-token")).await,
    )
}

fn writes_roles() -> Value {
    json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "verbs": ["get", "create", "update", "patch"],
         "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    ])
}

fn said(answer: &Got) -> (u16, String) {
    (answer.status.as_u16(), answer.message())
}

#[tokio::test]
async fn nobody_makes_a_role_of_more_than_they_have() {
    let cluster = Cluster::start(0).await;
    let (_, mut alice) = with_alice(&cluster, &writes_roles()).await;
    let roles = format!("{RBAC}/clusterroles");
    let more = json!([{"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get", "delete"]}]);
    let refused = alice.post(&roles, &role("more", &more)).await;
    assert_eq!(
        said(&refused),
        (403, "clusterroles.rbac.authorization.k8s.io \"more\" is forbidden: user \"alice\" (groups=[\"system:authenticated\"]) is \
             attempting to grant RBAC permissions not currently held:\n\
             {APIGroups:[\"\"], Resources:[\"deployments\"], Verbs:[\"get\" \"delete\"]}\n\
             {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}\n\
             {APIGroups:[\"apps\"], Resources:[\"deployments\"], Verbs:[\"get\" \"delete\"]}\n\
             {APIGroups:[\"apps\"], Resources:[\"pods\"], Verbs:[\"get\" \"delete\"]}".to_owned())
    );
    let same = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    assert_eq!(alice.post(&roles, &role("same", &same)).await.status, 201);
    let mut gathered = role("agg", &json!([]));
    gathered["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});
    let why = "clusterroles.rbac.authorization.k8s.io \"agg\" is forbidden: must have cluster-admin privileges to use the aggregationRule";
    assert_eq!(
        said(&alice.post(&roles, &gathered).await),
        (403, why.to_owned())
    );
    // By an update, too; what garbage collection changes may be changed.
    let all = json!([{"op": "add", "path": "/rules/-", "value": {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}}]);
    let kind = [("content-type", "application/json-patch+json")];
    let path = format!("{roles}/same");
    let refused = alice.send("PATCH", &path, &kind, &all.to_string()).await;
    assert_eq!(refused.status, 403);
    let finalizer =
        json!([{"op": "add", "path": "/metadata/finalizers", "value": ["example.org/a"]}]);
    let admins = format!("{roles}/cluster-admin");
    let changed = alice
        .send("PATCH", &admins, &kind, &finalizer.to_string())
        .await;
    assert_eq!(changed.status, 200, "{}", changed.message());
}

#[tokio::test]
async fn nobody_binds_a_role_of_more_than_they_have() {
    let cluster = Cluster::start(0).await;
    let (mut admin, mut alice) = with_alice(&cluster, &writes_roles()).await;
    let bindings = format!("{RBAC}/clusterrolebindings");
    let all = binding("cb", "ClusterRole", "cluster-admin", "alice");
    assert_eq!(
        said(&alice.post(&bindings, &all).await),
        (403, "clusterrolebindings.rbac.authorization.k8s.io \"cb\" is forbidden: user \"alice\" (groups=[\"system:authenticated\"]) is \
             attempting to grant RBAC permissions not currently held:\n\
             {APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}".to_owned())
    );
    let nothing = binding("cb", "ClusterRole", "nope", "alice");
    let why = "clusterrolebindings.rbac.authorization.k8s.io \"nope\" not found";
    assert_eq!(
        said(&alice.post(&bindings, &nothing).await),
        (404, why.to_owned())
    );
    let here = binding("cb", "Role", "nope", "alice");
    let path = format!("{RBAC}/namespaces/default/rolebindings");
    let why = "rolebindings.rbac.authorization.k8s.io \"nope\" not found";
    assert_eq!(said(&alice.post(&path, &here).await), (404, why.to_owned()));
    let own = binding("own", "ClusterRole", "alices", "bob");
    assert_eq!(alice.post(&bindings, &own).await.status, 201);
    // Who may bind a role, or make roles of more, does.
    let more = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["edit"], "verbs": ["bind"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["escalate"]},
    ]);
    admin
        .post(&format!("{RBAC}/clusterroles"), &role("more", &more))
        .await;
    let bound = binding("more", "ClusterRole", "more", "alice");
    admin.post(&bindings, &bound).await;
    let edit = binding("edit-for-bob", "ClusterRole", "edit", "bob");
    assert_eq!(alice.post(&bindings, &edit).await.status, 201);
    let all = role(
        "c11",
        &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
    );
    let made = alice.post(&format!("{RBAC}/clusterroles"), &all).await;
    assert_eq!(made.status, 201);
}

#[tokio::test]
async fn what_is_given_counts_at_once_and_what_is_taken_no_longer() {
    let cluster = Cluster::start(0).await;
    let pods = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
    let (mut admin, mut alice) = with_alice(&cluster, &pods).await;
    let path = "/api/v1/namespaces/default/pods";
    for _ in 0..50 {
        assert_eq!(alice.get(path).await.status, 200);
        let binding = format!("{RBAC}/clusterrolebindings/alices");
        assert_eq!(admin.send("DELETE", &binding, &[], "").await.status, 200);
        assert_eq!(alice.get(path).await.status, 403);
        let again = self::binding("alices", "ClusterRole", "alices", "alice");
        admin
            .post(&format!("{RBAC}/clusterrolebindings"), &again)
            .await;
    }
}

/// A client that sends its body after the head, as many do, finds the connection as it was.
#[tokio::test]
async fn a_refusal_takes_the_body_in_and_keeps_the_connection() {
    let cluster = Cluster::start(0).await;
    let mut stream = Client::dial(&cluster, &Who::Nobody).await;
    let head = "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                Authorization: Bearer alice-token\r\nContent-Length: 2\r\n\r\n";
    let mut seen = Vec::new();
    for round in 1..=3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        stream.write_all(b"{}").await.unwrap();
        stream.flush().await.unwrap();
        let refusals = |seen: &[u8]| {
            String::from_utf8_lossy(seen)
                .matches("403 Forbidden")
                .count()
        };
        while refusals(&seen) < round {
            let mut some = [0; 4096];
            let read = stream.read(&mut some).await.unwrap();
            assert!(
                read > 0,
                "the connection is cut after {} answers",
                refusals(&seen)
            );
            seen.extend_from_slice(&some[..read]);
        }
    }
}

#[tokio::test]
async fn what_decides_is_made_anew_where_history_is_gone() {
    let cluster = Cluster::start(0).await;
    let pods = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]);
    let (mut admin, mut alice) = with_alice(&cluster, &pods).await;
    let path = "/api/v1/namespaces/default/pods";
    for round in 0..3 {
        assert_eq!(alice.get(path).await.status, 200, "{round}");
        // Nothing asks what an administrator may.
        let binding = format!("{RBAC}/clusterrolebindings/alices");
        admin.send("DELETE", &binding, &[], "").await;
        let store = &cluster.store;
        store.compact(store.snapshot().revision()).await.unwrap();
        assert_eq!(alice.get(path).await.status, 403, "{round}");
        let again = self::binding("alices", "ClusterRole", "alices", "alice");
        admin
            .post(&format!("{RBAC}/clusterrolebindings"), &again)
            .await;
        store.compact(store.snapshot().revision()).await.unwrap();
    }
}

#[tokio::test]
async fn a_list_of_one_name_needs_no_more_than_that_name() {
    let cluster = Cluster::start(0).await;
    let one = json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["only"],
                      "verbs": ["list", "watch", "deletecollection"]}]);
    let (_, mut alice) = with_alice(&cluster, &one).await;
    let list = |name: &str| {
        format!("/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name%3D{name}")
    };
    assert_eq!(alice.get(&list("only")).await.status, 200);
    assert_eq!(alice.get(&list("other")).await.status, 403);
    let all = alice.send("DELETE", &list("only"), &[], "").await;
    assert_eq!(all.status, 403);
}

#[tokio::test]
async fn the_first_roles_are_put_right_at_every_start() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let view = format!("{RBAC}/clusterroles/system:basic-user");
    let kind = [("content-type", "application/merge-patch+json")];
    let emptied = json!({"rules": [{"apiGroups": ["x"], "resources": ["y"], "verbs": ["get"]}]});
    admin
        .send("PATCH", &view, &kind, &emptied.to_string())
        .await;
    let kept = format!("{RBAC}/clusterroles/system:discovery");
    let alone = json!({"rules": [], "metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}});
    admin.send("PATCH", &kept, &kind, &alone.to_string()).await;
    let gone = format!("{RBAC}/clusterrolebindings/system:discovery");
    admin.send("DELETE", &gone, &[], "").await;
    let other = binding("system:discovery", "ClusterRole", "view", "eve");
    admin
        .post(&format!("{RBAC}/clusterrolebindings"), &other)
        .await;
    cluster.server.bootstrap().await.unwrap();
    let role: ClusterRole = serde_json::from_slice(&admin.get(&view).await.bytes).unwrap();
    let resources: Vec<String> = role
        .rules
        .unwrap()
        .iter()
        .map(|rule| rule.resources.as_ref().unwrap().join(","))
        .collect();
    let wanted = [
        "y",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
    ];
    assert_eq!(resources, wanted);
    let role: ClusterRole = serde_json::from_slice(&admin.get(&kept).await.bytes).unwrap();
    assert_eq!(role.rules, None);
    let bound: ClusterRoleBinding = serde_json::from_slice(&admin.get(&gone).await.bytes).unwrap();
    assert_eq!(bound.role_ref.name, "system:discovery");
}

/// What an update or a patch makes needs the permission to create it, too.
#[tokio::test]
async fn nobody_makes_by_update_or_apply_what_they_may_not_create() {
    let cluster = Cluster::start(0).await;
    let changes = json!([{"apiGroups": ["", "coordination.k8s.io"],
        "resources": ["configmaps", "leases", "services", "services/status"], "verbs": ["get", "update", "patch"]}]);
    let (mut admin, mut alice) = with_alice(&cluster, &changes).await;
    let apply = [("content-type", "application/apply-patch+yaml")];
    let at = "/api/v1/namespaces/default/configmaps/m?fieldManager=a";
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}});
    let refused = alice.send("PATCH", at, &apply, &map.to_string()).await;
    let why = "configmaps \"m\" is forbidden: User \"alice\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\"";
    assert_eq!(said(&refused), (403, why.to_owned()));
    let json = [("content-type", "application/json")];
    let lease =
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}});
    let at_lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
    let refused = alice.send("PUT", at_lease, &json, &lease.to_string()).await;
    assert_eq!(refused.status, 403, "{}", refused.message());
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let at_status = "/api/v1/namespaces/default/services/s/status";
    let refused = alice
        .send("PUT", at_status, &json, &service.to_string())
        .await;
    assert_eq!(refused.status, 403, "{}", refused.message());
    // What is there may be changed.
    let made = admin
        .post("/api/v1/namespaces/default/configmaps", &map)
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    let changed = alice
        .send(
            "PATCH",
            &format!("{at}&force=true"),
            &apply,
            &map.to_string(),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.message());
}

/// A role in one namespace is none in another, whatever the path looks like.
#[tokio::test]
async fn a_namespace_is_not_reached_through_another() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let mut all = binding("all", "Role", "cluster-admin", "alice");
    all["roleRef"]["kind"] = json!("ClusterRole");
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    assert_eq!(admin.post(&bindings, &all).await.status, 201);
    let mut alice = Client::connect(&cluster, Who::Token("alice-token")).await;
    let within = "/api/v1/namespaces/default/namespaces";
    let json = [("content-type", "application/json")];
    let merge = [("content-type", "application/merge-patch+json")];
    let label = json!({"metadata": {"labels": {"a": "b"}}}).to_string();
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}).to_string();
    for (method, path, headers, body) in [
        ("GET", within.to_owned(), &json, ""),
        (
            "GET",
            "/api/v1/watch/namespaces/default/namespaces".to_owned(),
            &json,
            "",
        ),
        ("POST", within.to_owned(), &json, &namespace),
        ("GET", format!("{within}/kube-system"), &json, ""),
        ("PATCH", format!("{within}/kube-public"), &merge, &label),
        (
            "PATCH",
            format!("{within}/kube-public/status"),
            &merge,
            &label,
        ),
        (
            "PUT",
            format!("{within}/kube-public/finalize"),
            &json,
            &namespace,
        ),
        ("DELETE", format!("{within}/kube-node-lease"), &json, ""),
    ] {
        let refused = alice.send(method, &path, headers, body).await;
        assert_eq!(
            refused.status,
            404,
            "{method} {path}: {}",
            refused.message()
        );
    }
    let own = alice.get("/api/v1/namespaces/default").await;
    assert_eq!(own.status, 200, "{}", own.message());
}

/// A WebSocket runs a command by GET, which needs what it needs by POST.
#[tokio::test]
async fn nobody_runs_commands_by_get_alone() {
    let cluster = Cluster::start(0).await;
    let reads = json!([{"apiGroups": [""], "verbs": ["get"],
        "resources": ["pods", "pods/exec", "pods/attach", "pods/portforward", "pods/log"]}]);
    let (_, mut alice) = with_alice(&cluster, &reads).await;
    for action in ["exec", "attach", "portforward"] {
        let path = format!("/api/v1/namespaces/default/pods/p/{action}?command=sh");
        // Kubernetes gives no reason here.
        let why = "pods \"p\" is forbidden: ".to_owned();
        assert_eq!(said(&alice.get(&path).await), (403, why));
    }
    let log = alice.get("/api/v1/namespaces/default/pods/p/log").await;
    assert_eq!(log.status, 404, "{}", log.message());
}
