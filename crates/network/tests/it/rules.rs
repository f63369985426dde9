use navarch_network::{
    Config, Degradation, Error, HostPort, PodNetwork, PodRequest, Protocol, RulesError,
};

use crate::{TestNode, attach, ip, namespaces::Namespace, pod_name};

/// A machine beside the node that knows no way to the pods: 192.0.2.1 is the node, 192.0.2.2 the machine.
pub fn outside(node: &TestNode) -> Namespace {
    let outside = Namespace::new();
    let peer = outside.path();
    node.host.sh(&format!(
        "ip link add name up0 type veth peer name out0 netns {} && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up",
        peer.display()
    ));
    outside.sh("ip addr add 192.0.2.2/24 dev out0 && ip link set out0 up && ip link set lo up");
    outside
}

pub fn port(host_ip: Option<&str>, host_port: u16, container_port: u16) -> HostPort {
    HostPort {
        protocol: Protocol::Tcp,
        host_ip: host_ip.map(ip),
        host_port,
        container_port,
    }
}

#[tokio::test]
async fn a_pod_that_goes_past_its_route_reaches_no_neighbour() {
    let node = TestNode::new();
    let network = node.start().await;
    let (server, served) = attach(&network, "server", vec![]).await;
    let (client, asking) = attach(&network, "client", vec![]).await;
    server.answer(80, "server");
    let at = (served.ips[0], 80);
    assert_eq!(client.who(at).unwrap(), "server");
    // As if they were on one segment, in both directions: the frames have each other's hardware addresses.
    for (pod, neighbour) in [(&client, &served), (&server, &asking)] {
        pod.sh(&format!(
            "ip route add {0}/32 dev eth0 && ip neigh add {0} lladdr {1} dev eth0",
            neighbour.ips[0], neighbour.mac
        ));
    }
    let error = client.who(at).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn outside_the_cluster_a_pod_has_the_nodes_address() {
    let node = TestNode::new();
    let outside = outside(&node);
    let network = node.start().await;
    let (pod, _) = attach(&network, "a", vec![]).await;
    let seen = outside.serve(80, 1);
    assert_eq!(pod.ask((ip("192.0.2.2"), 80)).unwrap(), ip("192.0.2.1"));
    seen.join().unwrap();
}

#[tokio::test]
async fn inside_the_cluster_a_pod_keeps_its_address() {
    let node = TestNode::new();
    let outside = outside(&node);
    // The machine is another node, and 10.244.9.9 one of its pods.
    outside.sh("ip addr add 10.244.9.9/32 dev lo && ip route add 10.244.1.0/24 via 192.0.2.1");
    node.host.sh("ip route add 10.244.9.0/24 via 192.0.2.2");
    let network = node.start().await;
    let (pod, attachment) = attach(&network, "a", vec![]).await;
    let seen = outside.serve(80, 1);
    assert_eq!(pod.ask((ip("10.244.9.9"), 80)).unwrap(), attachment.ips[0]);
    seen.join().unwrap();
}

#[tokio::test]
async fn host_ports_lead_to_their_pod_from_everywhere() {
    let node = TestNode::new();
    let outside = outside(&node);
    node.host
        .sh("ip link set lo up && ip addr add 192.0.2.7/24 dev up0");
    let network = node.start().await;
    let ports = vec![port(None, 8080, 80), port(Some("192.0.2.7"), 8081, 80)];
    let (server, served) = attach(&network, "server", ports).await;
    let (client, _) = attach(&network, "client", vec![]).await;
    let seen = server.serve(80, 7);
    assert_eq!(
        outside.ask((ip("192.0.2.1"), 8080)).unwrap(),
        ip("192.0.2.2")
    );
    assert_eq!(
        outside.ask((ip("192.0.2.7"), 8081)).unwrap(),
        ip("192.0.2.2")
    );
    outside.ask((ip("192.0.2.1"), 8081)).unwrap_err();
    node.host.ask((ip("192.0.2.1"), 8080)).unwrap();
    node.host.ask((ip("127.0.0.1"), 8080)).unwrap();
    // From pods of the node, the server too.
    client.ask((ip("192.0.2.1"), 8080)).unwrap();
    server.ask((ip("192.0.2.1"), 8080)).unwrap();
    // They outlive a restart, and go with the pod.
    drop(network);
    let network = node.start().await;
    outside.ask((ip("192.0.2.1"), 8080)).unwrap();
    seen.join().unwrap();
    network.detach("server").await.unwrap();
    let rules = node.host.sh("nft list table inet navarch");
    assert!(!rules.contains(&served.ips[0].to_string()), "{rules}");
}

#[tokio::test]
async fn a_host_port_has_one_holder() {
    let node = TestNode::new();
    let network = node.start().await;
    let (_first, _) = attach(&network, "first", vec![port(None, 8080, 80)]).await;
    let pod = Namespace::new();
    let wanted = || vec![port(Some("192.0.2.1"), 8080, 80)];
    let refused = network
        .attach(
            "second",
            &pod.path(),
            PodRequest::new(pod_name("second"), wanted()),
        )
        .await;
    assert!(
        matches!(&refused, Err(Error::HostPortInUse { holder, .. }) if holder == "first"),
        "{refused:?}"
    );
    network.detach("first").await.unwrap();
    network
        .attach(
            "second",
            &pod.path(),
            PodRequest::new(pod_name("second"), wanted()),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn other_tables_are_left_alone() {
    let node = TestNode::new();
    node.host.sh("nft add table inet other");
    drop(node.start().await);
    PodNetwork::remove_everything(node.config()).await.unwrap();
    assert_eq!(node.host.sh("nft list tables").trim(), "table inet other");
}

#[tokio::test]
async fn pods_run_without_rules_and_the_node_says_so() {
    let node = TestNode::new();
    // A word of nft's own language: it refuses a table of that name.
    let config = Config {
        table: "ip".to_owned(),
        ..node.config()
    };
    let network = PodNetwork::start(config.clone()).await.unwrap();
    let (server, served) = attach(&network, "server", vec![port(None, 8080, 80)]).await;
    let degradations = network.degradations().await.unwrap();
    assert!(
        matches!(
            &degradations[..],
            [Degradation::NoRules(RulesError::Refused(_)), Degradation::Neighbours(_), Degradation::NoHostPorts { sandbox_id, .. }]
                if sandbox_id == "server"
        ),
        "{degradations:?}"
    );
    let seen = server.serve(80, 1);
    node.host.ask((served.ips[0], 80)).unwrap();
    seen.join().unwrap();
    network.detach("server").await.unwrap();
    assert_eq!(network.degradations().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_filter_of_others_that_drops_is_named() {
    let node = TestNode::new();
    node.host.sh("nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'");
    let network = PodNetwork::start(node.config()).await.unwrap();
    let filtered = Degradation::ForwardingFiltered {
        table: "ip filter".to_owned(),
    };
    assert_eq!(network.degradations().await.unwrap(), [filtered]);
}

#[tokio::test]
async fn pods_cannot_pose_as_routers_to_the_host() {
    let node = TestNode::new();
    let _network = node.start().await;
    node.host
        .sh("test $(cat /proc/sys/net/ipv6/conf/navarch0/accept_ra) = 0");
}
