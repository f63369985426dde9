//! How a node joins, comes back, and is refused.

use std::time::Duration;

use super::apart::Apart;
use crate::starts::refused::navarch;

/// Longer than any certificate lives.
const LIFE: Duration = Duration::from_secs(13);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_by_a_token_comes_back_without_and_is_refused_when_it_was_away_too_long() {
    let mut apart = Apart::without_agent();
    let server = apart.server().display().to_string();
    let on_server = |words: &[&str]| navarch(&[words, &["--data-dir", &server]].concat(), &[]);
    let [_, url, _, token, _, pin] = apart.join.as_slice() else {
        panic!("{:?}", apart.join);
    };
    let (url, token, pin) = (url.clone(), token.clone(), pin.clone());
    let (id, _) = token.split_once('.').unwrap();
    let listed = on_server(&["token", "list"]).fine();
    assert!(listed.contains(id) && !listed.contains(&token), "{listed}");
    assert!(listed.contains("23h"), "{listed}");
    let none = on_server(&["token", "create", "--groups", "system:masters"]).refused();
    assert!(none.contains("system:bootstrappers:"), "{none}");

    let flags = apart.agent_flags();
    let refused = |words: &[&str]| {
        let own = flags.iter().map(String::as_str);
        let words: Vec<&str> = ["agent"].iter().chain(words).copied().chain(own).collect();
        navarch(&words, &[]).refused()
    };
    let unknown = refused(&["--server", &url, "--token", &token]);
    assert!(unknown.contains("--ca-cert-hash"), "{unknown}");
    let other = format!("sha256:{}", "0".repeat(64));
    let hash = ["--server", &url, "--token", &token, "--ca-cert-hash"];
    let wrong = refused(&[&hash[..], &[&*other]].concat());
    assert!(wrong.contains("none that it sends along has"), "{wrong}");
    let stranger = format!("{id}.0123456789abcdef");
    let hash = ["--server", &url, "--token", &stranger, "--ca-cert-hash"];
    let bad = refused(&[&hash[..], &[&*pin]].concat());
    assert!(bad.contains("Unauthorized"), "{bad}");

    apart.join();
    let node = apart.node().display().to_string();
    let certificates = || {
        let read = |name: &str| std::fs::read(apart.node().join("pki").join(name));
        let client = read("kubelet-client-current.pem").unwrap();
        (client, read("kubelet-server-current.pem").ok())
    };
    let before = certificates();
    let rotated = navarch(&["certs", "rotate", "--data-dir", &node], &[]).fine();
    assert!(rotated.contains("renewed kubelet-client-current"));
    assert!(rotated.contains("renewed kubelet-server-current"));
    let after = certificates();
    assert!(before.0 != after.0 && before.1 != after.1);
    let rotated = on_server(&["certs", "rotate"]).fine();
    for name in ["apiserver", "apiserver-kubelet-client", "admin"] {
        assert!(rotated.contains(&format!("renewed {name}\n")), "{rotated}");
    }
    let table = on_server(&["certs", "check"]).fine();
    assert!(table.contains("CN=kubernetes-admin"), "{table}");

    // It comes back by what is on its disk, even where its token is gone.
    let gone = on_server(&["token", "delete", &token]).fine();
    assert_eq!(gone, format!("deleted {id}\n"));
    apart.end_agent();
    apart.agent_by(&["--server".to_owned(), url.clone()]);
    apart.end_agent();
    tokio::time::sleep(LIFE).await;
    let late = navarch(&["certs", "check", "--data-dir", &node], &[]).refused();
    assert!(late.contains("have expired"), "{late}");
    let away = refused(&["--server", &url]);
    assert!(away.contains("no certificate that holds"), "{away}");
    let away = refused(&["--server", &url, "--token", &token]);
    assert!(away.contains("Unauthorized"), "{away}");
    let fresh = on_server(&["token", "create"]).fine();
    let fresh = fresh.trim().to_owned();
    let again = ["--server", &url, "--token", &fresh].map(str::to_owned);
    apart.agent_by(&again);
}
