//! Connections that the kernel's flow table passes on, where it has one: other kernels have all packets judged, and no table.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use navarch_network::{FlowTable, FlowTableConfig};
use serde_json::json;

use crate::cluster::{Cluster, PATIENCE, cluster_ip, node_port, ready, until};
use crate::guarded::Guarded;
use crate::ip;
use crate::namespaces::Namespace;
use crate::talk::{echo, is_answered, talk};

/// Its table's name.
pub const NAME: &str = "flows";

/// Of a host with the usual bridge.
pub fn config(host: &Namespace) -> FlowTableConfig {
    let cluster = ["10.244.0.0/16", "fd00:10::/32"].map(|range| range.parse().unwrap());
    FlowTableConfig {
        netns: Some(host.path()),
        ..FlowTableConfig::new(NAME, "navarch0", cluster.into())
    }
}

/// Whether the kernel has flow tables. `NAVARCH_TEST_FLOW_TABLE=kernel` demands it.
pub fn is_known() -> bool {
    let rules = "table inet t { flowtable f { hook ingress priority 0; devices = { \"lo\" }; }; }";
    let made = Namespace::new().sh(&format!("nft '{rules}' 2>&1 || echo none"));
    let is_known = !made.ends_with("none\n");
    let demanded = std::env::var_os("NAVARCH_TEST_FLOW_TABLE").is_some();
    assert!(is_known || !demanded, "{made}");
    is_known
}

/// Counts what this host passes on by its rules.
pub fn count(host: &Namespace) {
    host.sh(
        "nft 'table inet counted { chain c { type filter hook forward priority 0; counter; }; }'",
    );
}

/// Whether a conversation goes on without any packet of it, or of another, being judged: it has been quiet for a while when this says so.
pub async fn is_passed_on(host: &Namespace, answered: &AtomicUsize) -> bool {
    let judged = || {
        let counted = host.sh("nft list chain inet counted c | grep -o 'packets [0-9]*'");
        let count: usize = counted
            .trim()
            .strip_prefix("packets ")
            .unwrap()
            .parse()
            .unwrap();
        count
    };
    let before = (judged(), answered.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (judged, answered) = (
        judged() - before.0,
        answered.load(Ordering::Relaxed) - before.1,
    );
    judged == 0 && answered > 5
}

/// Waits until it is; fails where it is, and cannot be.
pub async fn is_passed_on_soon(host: &Namespace, answered: &AtomicUsize) {
    if !is_known() {
        assert!(is_answered(answered).await);
        assert!(!is_passed_on(host, answered).await);
        assert!(!host.sh("nft list tables").contains(NAME));
        return;
    }
    let wait = async { while !is_passed_on(host, answered).await {} };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "{}", host.sh("nft list ruleset"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policies_end_is_passed_on_no_more_and_others_go_on() {
    let guarded = Guarded::start().await;
    let host = &guarded.cluster.node.host;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let friend = guarded.pod("friend", json!({"role": "friend"})).await;
    let other = guarded.pod("other", json!({})).await;
    echo(&server, 8080);
    count(host);
    let [of_friend, of_other] = [&friend, &other].map(|from| talk(from, (server.ip(), 8080)));
    is_passed_on_soon(host, &of_friend).await;
    assert!(is_answered(&of_other).await);
    let from = json!([{"podSelector": {"matchLabels": {"role": "friend"}}}]);
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": from}]});
    guarded.policy("web", spec).await;
    let is_cut = async { while is_answered(&of_other).await {} };
    tokio::time::timeout(PATIENCE, is_cut).await.unwrap();
    assert!(is_answered(&of_friend).await);
    // Neither by what the other sends again, nor by what the server does.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!is_answered(&of_other).await);
    // That is judged whenever it is sent, which is ever more seldom.
    is_passed_on_soon(host, &of_friend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_services_lead_elsewhere_is_passed_on_there() {
    let cluster = Cluster::start().await;
    let _flow_table = FlowTable::start(config(&cluster.node.host));
    let (server, at) = cluster.pod("server").await;
    let (client, _) = cluster.pod("client").await;
    echo(&server, 8080);
    let spec = json!({"type": "NodePort"});
    let service = cluster.service("web", spec, &[ready(&at)]).await;
    count(&cluster.node.host);
    let inside = (cluster_ip(&service), 80);
    let outside = (ip("192.0.2.1"), node_port(&service));
    for (from, to) in [(&client, inside), (&cluster.outside, outside)] {
        until("it is served", || from.connects(to)).await;
        let answered = talk(from, to);
        is_passed_on_soon(&cluster.node.host, &answered).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_take_away_is_made_again_and_all_of_it_can_be_removed() {
    let mut guarded = Guarded::start().await;
    let server = guarded.pod("server", json!({})).await;
    let client = guarded.pod("client", json!({})).await;
    let flow_table = guarded.flow_table.take();
    let host = &guarded.cluster.node.host;
    echo(&server, 8080);
    let answered = talk(&client, (server.ip(), 8080));
    is_made_soon(host).await;
    host.sh("nft flush ruleset");
    is_made_soon(host).await;
    count(host);
    is_passed_on_soon(host, &answered).await;
    drop(flow_table);
    FlowTable::remove_everything(config(host)).await.unwrap();
    FlowTable::remove_everything(config(host)).await.unwrap();
    assert!(!host.sh("nft list tables").contains(NAME));
    assert!(is_answered(&answered).await);
    assert!(!is_passed_on(host, &answered).await);
}

/// Waits until there is one, where there can be.
async fn is_made_soon(host: &Namespace) {
    let is_known = is_known();
    until("it is made", || {
        !is_known || host.sh("nft list tables").contains(NAME)
    })
    .await;
}
