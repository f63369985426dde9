//! What a decision costs in the server, with 10,000 bindings in its store. Measured with
//! `cargo test --release -p navarch-apiserver --lib -- --ignored --nocapture authorization`.

use std::time::Instant;

use navarch_store::{Memory, Op, Transaction};
use serde_json::{Value, json};

use super::*;

const BINDINGS: usize = 10_000;
const ROUNDS: u32 = 200_000;

fn put(key: String, object: &Value) -> Op {
    Op::Put {
        key: key.into(),
        value: object.to_string().into(),
        stamp: None,
    }
}

fn filling() -> Vec<Op> {
    let group = "rbac.authorization.k8s.io";
    let rules: Vec<Value> = (0..25)
        .map(|at| {
            let resources: Vec<String> = (0..40).map(|one| format!("resource{one}")).collect();
            let verbs = [
                "get", "list", "watch", "create", "update", "patch", "delete",
            ];
            let api_group = if at == 24 {
                String::new()
            } else {
                format!("g{at}")
            };
            json!({"verbs": verbs, "apiGroups": [api_group], "resources": resources})
        })
        .collect();
    let role = json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": "edit"}, "rules": rules});
    let mut ops = vec![put(format!("clusterroles.{group}/edit"), &role)];
    ops.extend((0..BINDINGS).map(|at| {
        let (namespace, name) = (format!("ns{}", at % 1000), format!("b{at}"));
        let subject = |kind: &str, name: String| json!({"kind": kind, "name": name, "apiGroup": group});
        let binding = json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "edit"},
            "subjects": [subject("User", format!("user{at}")), subject("Group", format!("team{}", at % 100))],
        });
        put(format!("rolebindings.{group}/{namespace}/{name}"), &binding)
    }));
    ops
}

async fn commit(store: &Memory, ops: Vec<Op>) {
    for ops in ops.chunks(1000) {
        let transaction = Transaction {
            compare: Vec::new(),
            ops: ops.to_vec(),
        };
        store.commit(transaction).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "a measurement: it means something in a release build alone"]
#[allow(clippy::print_stdout, reason = "the figure is what it is run for")]
async fn a_decision_among_ten_thousand_bindings() {
    let store = Arc::new(Memory::new());
    commit(&store, filling()).await;
    let directory = Directory::new(navarch_api::table::builtin().clone());
    let began = Instant::now();
    let permissions = Permissions::new(store.clone(), &directory);
    println!("filled: {:?}", began.elapsed());
    let groups = ["team7".to_owned(), "team9".to_owned()];
    let user = UserInfo::authenticated("user7", groups);
    let asked = |resource| Attributes {
        verb: "get",
        resource_request: true,
        resource,
        namespace: "ns7",
        ..Attributes::default()
    };
    for (what, resource) in [("allowed", "resource39"), ("refused", "nothing")] {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            let decision = permissions.decide(&user, &asked(resource));
            assert_eq!(
                std::hint::black_box(decision).is_allowed(),
                what == "allowed"
            );
        }
        let took = began.elapsed() / ROUNDS;
        println!("{what}: {took:?}");
        assert!(took.as_nanos() <= 2_000, "{what}: {took:?}");
    }
    // Somebody else writes something between any two.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "a"}});
    let (mut took, rounds) = (Duration::ZERO, ROUNDS / 10);
    for _ in 0..rounds {
        commit(&store, vec![put("configmaps/a/m".to_owned(), &map)]).await;
        let began = Instant::now();
        assert!(permissions.decide(&user, &asked("resource39")).is_allowed());
        took += began.elapsed();
    }
    println!("allowed, behind a write: {:?}", took / rounds);
    assert!((took / rounds).as_nanos() <= 2_000);
}
