//! Network policies, as packets find them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use navarch_network::{Degradation, NetworkPoliciesConfig, PolicyError};
use serde_json::json;

use crate::cluster::{PATIENCE, cluster_ip, ready, until};
use crate::guarded::{Guarded, Running};
use crate::ip;
use crate::namespaces::Namespace;
use crate::talk::{echo, is_answered, talk};

const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

/// Whether a connection is made; one that is not ends in silence, not in a refusal.
fn reaches(from: &Namespace, to: (IpAddr, u16)) -> bool {
    let tried = from
        .run(move || TcpStream::connect_timeout(&SocketAddr::from(to), Duration::from_millis(300)));
    match tried {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => false,
        Err(error) => panic!("{to:?}: {error}"),
    }
}

fn web(pod: &Running) -> (IpAddr, u16) {
    (pod.ip(), 8080)
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_get_what_policies_allow_and_the_node_always_may() {
    let guarded = Guarded::start().await;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let friend = guarded.pod("friend", json!({"role": "friend"})).await;
    let other = guarded.pod("other", json!({})).await;
    server.answer(8080, "server");
    let behind = [ready(&server.attachment)];
    let service = guarded.cluster.service("web", json!({}), &behind).await;
    let service = (cluster_ip(&service), 80);
    for from in [&friend, &other] {
        assert!(reaches(from, web(&server)));
    }
    // Nobody, but the node and the pod itself: not by its service either.
    guarded
        .policy(
            "web",
            json!({"podSelector": {"matchLabels": {"app": "web"}}}),
        )
        .await;
    for to in [web(&server), service] {
        for from in [&*friend, &*other] {
            assert!(!reaches(from, to));
        }
        assert!(reaches(&guarded.cluster.node.host, to));
        assert!(reaches(&server, to));
    }
    assert!(!reaches(&guarded.cluster.outside, web(&server)));
    // A friend, by its label.
    let from = json!([{"podSelector": {"matchLabels": {"role": "friend"}}}]);
    let ports = json!([{"port": "http"}]);
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": from, "ports": ports}]});
    guarded.policy("friends", spec).await;
    for to in [web(&server), service] {
        assert!(reaches(&friend, to));
        assert!(!reaches(&other, to));
    }
    // Whoever becomes one may, and whoever is none any more may not.
    guarded.label("other", json!({"role": "friend"})).await;
    until("the other may", || reaches(&other, web(&server))).await;
    guarded.label("friend", json!({"role": "enemy"})).await;
    until("the friend may not", || !reaches(&friend, web(&server))).await;
    for name in ["web", "friends"] {
        guarded.forget(name).await;
    }
    until("all may", || reaches(&friend, web(&server))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pod_sends_is_held_to_blocks_ports_and_protocols() {
    let guarded = Guarded::start().await;
    let client = guarded.pod("client", json!({})).await;
    let outside = &guarded.cluster.outside;
    outside.sh("ip addr add 192.0.2.3/24 dev out0");
    for port in [80, 81, 8000, 8100, 8101] {
        outside.answer(port, "outside");
    }
    outside.answer_udp(80, "outside");
    let block = json!([{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.3/32"]}}]);
    let ports = json!([{"port": 80}, {"port": 8000, "endPort": 8100}]);
    let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": block, "ports": ports}]});
    guarded.policy("out", spec).await;
    for (port, expected) in [
        (80, true),
        (81, false),
        (8000, true),
        (8100, true),
        (8101, false),
    ] {
        assert_eq!(reaches(&client, (OUTSIDE, port)), expected, "{port}");
        assert!(!reaches(&client, (ip("192.0.2.3"), port)));
    }
    // TCP was said, and UDP was not.
    assert!(client.who_udp(1024, (OUTSIDE, 80)).is_err());
    let ports = json!([{"port": 80, "protocol": "UDP"}]);
    let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": ports}]});
    guarded.policy("out", spec).await;
    assert_eq!(client.who_udp(1025, (OUTSIDE, 80)).unwrap(), "outside");
    assert!(!reaches(&client, (OUTSIDE, 80)));
    // The node is reached whatever is said.
    guarded.cluster.node.host.answer(9000, "node");
    assert!(reaches(&client, (client.attachment.gateway, 9000)));
    let all = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]});
    guarded.policy("out", all).await;
    client.sh("busybox ping -c 1 -W 1 192.0.2.3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_held_to_its_policies_from_its_first_packet_on() {
    let guarded = Guarded::start().await;
    let client = guarded.pod("client", json!({})).await;
    // The kernel has nothing of policies before there is one.
    assert!(
        !guarded
            .cluster
            .node
            .host
            .sh("nft list ruleset")
            .contains("policies")
    );
    for number in 0..10 {
        let app = format!("app{number}");
        // Nobody waits for the policy: the pod does.
        let spec = json!({"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress", "Egress"]});
        guarded.write(&app, spec).await;
        let pod = guarded.begin(&app, json!({"app": app})).await;
        pod.answer(8080, "pod");
        assert!(!reaches(&client, web(&pod)), "{app}");
        assert!(!reaches(&pod, (OUTSIDE, 80)), "{app}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_replaced_leaves_no_gap() {
    let mut guarded = Guarded::start().await;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let friend = guarded.pod("friend", json!({"role": "friend"})).await;
    let other = guarded.pod("other", json!({})).await;
    server.answer(8080, "server");
    let from = json!([{"podSelector": {"matchLabels": {"role": "friend"}}}]);
    guarded
        .policy(
            "web",
            json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": from}]}),
        )
        .await;
    let ended = Arc::new(AtomicBool::new(false));
    let counts = [(&friend, true), (&other, false)].map(|(pod, expected)| {
        let (ended, to) = (ended.clone(), web(&server));
        let tries = move || {
            let mut tries = 0;
            while !ended.load(Ordering::Relaxed) {
                // Long enough for a busy machine, and short enough to be often.
                let timeout = Duration::from_millis(if expected { 5000 } else { 20 });
                let made = TcpStream::connect_timeout(&SocketAddr::from(to), timeout);
                assert_eq!(made.is_ok(), expected, "after {tries} tries: {made:?}");
                tries += 1;
            }
            tries
        };
        pod.spawn(tries)
    });
    for _ in 0..5 {
        guarded.start_policies().await;
        guarded.applied().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ended.store(true, Ordering::Relaxed);
    for count in counts {
        assert!(count.join().unwrap() > 10);
    }
    guarded.remove_everything().await;
    assert!(reaches(&other, web(&server)));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_no_longer_allowed_are_cut_and_others_go_on() {
    let guarded = Guarded::start().await;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let friend = guarded.pod("friend", json!({"role": "friend"})).await;
    let other = guarded.pod("other", json!({})).await;
    echo(&server, 8080);
    let [of_friend, of_other] = [&friend, &other].map(|from| talk(from, web(&server)));
    assert!(is_answered(&of_friend).await && is_answered(&of_other).await);
    let from = json!([{"podSelector": {"matchLabels": {"role": "friend"}}}]);
    guarded
        .policy(
            "web",
            json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": from}]}),
        )
        .await;
    let is_cut = async { while is_answered(&of_other).await {} };
    tokio::time::timeout(PATIENCE, is_cut).await.unwrap();
    assert!(is_answered(&of_friend).await);
    // Not even by what the server sends: it may connect to the other, and this connection was the other's.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!is_answered(&of_other).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_whose_policies_cannot_be_applied_does_not_start() {
    let guarded = Guarded::start().await;
    // Where there is no such namespace, no rule can be.
    let policies = guarded.policies_of(NetworkPoliciesConfig {
        netns: Some("/nowhere".into()),
        ..guarded.config()
    });
    let policies = policies.await;
    let free = guarded.attach("free", json!({"app": "free"})).await;
    guarded.admit(&policies, &free).await.unwrap();
    assert_eq!(*policies.degradations().borrow(), []);
    guarded
        .write(
            "web",
            json!({"podSelector": {"matchLabels": {"app": "web"}}}),
        )
        .await;
    let held = guarded.attach("held", json!({"app": "web"})).await;
    let refused = guarded.admit(&policies, &held).await;
    assert!(
        matches!(refused, Err(PolicyError::NotApplied(_))),
        "{refused:?}"
    );
    assert!(matches!(
        policies.degradations().borrow()[..],
        [Degradation::NoPolicies(_)]
    ));
    // Of those without, none is kept.
    guarded.admit(&policies, &free).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_send_nothing_does_not_ask_cluster_dns_either() {
    let guarded = Guarded::start().await;
    let client = guarded.pod("client", json!({})).await;
    let host = &guarded.cluster.node.host;
    let dns = (client.attachment.gateway, 53);
    host.answer_udp(53, "dns");
    host.answer(53, "dns");
    host.answer_udp(54, "node");
    guarded.policies().judge_dns_at(dns.into());
    let asks = |port| [client.who_udp(port, dns).is_ok(), client.who(dns).is_ok()];
    let rule = |egress| json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
    guarded.policy("out", rule(json!([]))).await;
    assert_eq!(asks(1000), [false, false]);
    // All else of the node is let through.
    let other = (client.attachment.gateway, 54);
    assert_eq!(client.who_udp(1001, other).unwrap(), "node");
    let ports = json!([{"port": 53, "protocol": "UDP"}]);
    guarded.policy("out", rule(json!([{"ports": ports}]))).await;
    assert_eq!(asks(1002), [true, false]);
    guarded.policy("out", rule(json!([]))).await;
    // What goes on ends, as between pods.
    assert_eq!(asks(1002), [false, false]);
    let to = json!([{
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }]);
    guarded.policy("out", rule(json!([{"to": to}]))).await;
    assert_eq!(asks(1003), [true, true]);
    guarded.forget("out").await;
    until("all may", || asks(1004) == [true, true]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pods_are_followed_only_where_a_pod_here_may_have_policies() {
    let mut guarded = Guarded::start().await;
    guarded.stop_policies();
    let (client, switch) = guarded.cluster.as_node_that_may_be_alone();
    let config = guarded.config();
    let policies = navarch_network::NetworkPolicies::start(config, &client, &[]);
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}});
    guarded.write("web", spec).await;
    until("policies are followed", || {
        switch.is_watched("networkpolicies")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!switch.is_watched("pods"));
    let pod = guarded.attach("pod", json!({})).await;
    guarded.admit(&policies, &pod).await.unwrap();
    assert!(switch.is_watched("pods"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_waits_while_the_api_cannot_be_asked_which_policies_it_has() {
    let mut guarded = Guarded::start().await;
    guarded.stop_policies();
    let (client, switch) = guarded.cluster.as_node_that_may_be_alone();
    let config = guarded.config();
    let policies = navarch_network::NetworkPolicies::start(config, &client, &[]);
    let pod = guarded.attach("pod", json!({})).await;
    guarded.admit(&policies, &pod).await.unwrap();
    switch.is_away.store(true, Ordering::Relaxed);
    let refused = guarded.admit(&policies, &pod).await;
    assert!(matches!(refused, Err(PolicyError::Late)), "{refused:?}");
    switch.is_away.store(false, Ordering::Relaxed);
    guarded.admit(&policies, &pod).await.unwrap();
}

/// How many connections a second are made and closed, at best: on a machine that is busy each may wait for its turn.
fn connections_per_second(from: &Namespace, to: (IpAddr, u16)) -> f64 {
    const COUNT: u32 = 100;
    let rates = (0..5).map(|_| {
        let begin = std::time::Instant::now();
        from.run(move || {
            for _ in 0..COUNT {
                drop(TcpStream::connect(SocketAddr::from(to)).unwrap());
            }
        });
        f64::from(COUNT) / begin.elapsed().as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_costs_the_same_by_one_policy_and_by_a_thousand() {
    let guarded = Guarded::start().await;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let friend = guarded.pod("friend", json!({"role": "friend"})).await;
    echo(&server, 8080);
    let rule = |number: u16| {
        let from = json!([
            {"podSelector": {"matchLabels": {"role": format!("role{number}")}}},
            {"podSelector": {"matchLabels": {"role": "friend"}}},
            {"ipBlock": {"cidr": format!("172.16.{}.0/24", number % 250), "except": [format!("172.16.{}.7/32", number % 250)]}},
        ]);
        let ports = json!([{"port": 8080}, {"port": 9000 + number}]);
        json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": from, "ports": ports}]})
    };
    let none = connections_per_second(&friend, web(&server));
    guarded.policy("policy0", rule(0)).await;
    let one = connections_per_second(&friend, web(&server));
    for number in 1..1000 {
        let name = format!("policy{number}");
        guarded.write(&name, rule(number)).await;
    }
    guarded.applied().await;
    let thousand = connections_per_second(&friend, web(&server));
    eprintln!(
        "connections a second: {none:.0} with no policy, {one:.0} with one, {thousand:.0} with a thousand"
    );
    // A rule for each would cost some milliseconds. This leaves room for a machine that is busy with other tests.
    assert!(thousand > one / 3.0, "{one} and {thousand}");
}
