//! What a decision costs among many bindings. Measured with `cargo test --release -p navarch-auth --lib -- --ignored --nocapture speed`.

use std::time::Instant;

use serde_json::json;

use super::*;

const BINDINGS: usize = 10_000;
const ROUNDS: u32 = 200_000;

fn filled() -> Rbac {
    let mut rbac = Rbac::default();
    let many: Vec<String> = (0..40).map(|at| format!("resource{at}")).collect();
    let verbs = [
        "get", "list", "watch", "create", "update", "patch", "delete",
    ];
    let edit: Vec<_> = (0..25)
        .map(|at| {
            let group = if at == 24 {
                String::new()
            } else {
                format!("g{at}")
            };
            json!({"verbs": verbs, "apiGroups": [group], "resources": many})
        })
        .collect();
    rbac.put_role("", "edit", rules(edit.into()));
    rbac.put_role(
        "",
        "discovery",
        rules(
            json!([{"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*"]}]),
        ),
    );
    for name in ["basic", "discovery", "info"] {
        rbac.put_binding(cluster(
            name,
            "discovery",
            json!([{"kind": "Group", "name": "system:authenticated"}]),
        ));
    }
    for at in 0..BINDINGS {
        // Some in namespaces of their own, and some to the same user everywhere.
        let subjects = json!([{"kind": "User", "name": format!("user{at}")}, {"kind": "Group", "name": format!("team{}", at % 100)}]);
        let namespace = format!("ns{}", at % 1000);
        rbac.put_binding(local(
            &namespace,
            &format!("b{at}"),
            "ClusterRole",
            "edit",
            subjects,
        ));
        let everywhere = json!([{"kind": "User", "name": "everywhere"}]);
        rbac.put_binding(cluster(&format!("c{at}"), "edit", everywhere));
    }
    rbac
}

#[test]
#[ignore = "a measurement: it means something in a release build alone"]
#[allow(clippy::print_stdout, reason = "the figure is what it is run for")]
fn a_decision_among_ten_thousand_bindings() {
    let rbac = filled();
    let groups = ["team7", "team9", "system:authenticated"];
    let one = user("user7", &groups);
    let everywhere = user("everywhere", &groups);
    let stranger = user("eve", &["system:authenticated"]);
    let mine = get("resource39", "ns7");
    let others = get("nothing", "ns7");
    let cases = [
        ("allowed in a namespace", &one, &mine),
        ("refused", &one, &others),
        ("allowed by any of 10,000", &everywhere, &mine),
        ("refused with 10,000", &everywhere, &others),
        ("a stranger", &stranger, &mine),
    ];
    for (what, user, attributes) in cases {
        let began = Instant::now();
        let mut allowed = 0;
        for _ in 0..ROUNDS {
            allowed += u32::from(std::hint::black_box(rbac.decide(user, attributes)).is_allowed());
        }
        let took = began.elapsed() / ROUNDS;
        println!("{what}: {took:?} ({allowed} of {ROUNDS} allowed)");
        assert!(took.as_nanos() <= 2_000, "{what}: {took:?}");
    }
}
