//! Nodes on one segment and behind a router, with the ways between their pods.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use navarch_api::call::PatchKind;
use navarch_apiserver::{AdmissionOptions, ApiServer, Config, Credentials};
use navarch_auth::{MASTERS, StaticTokens, UserInfo};
use navarch_client::{Client, DeleteOptions, Informer, InformerOptions};
use navarch_network::{Encryption, FlowTable, NodeRoutes, NodeRoutesConfig, PodNetwork, Transport};
use navarch_store::Memory;
use serde_json::json;

use crate::cluster::until;
use crate::{TestNode, attach, flow_table, ip, namespaces::Namespace};

mod attacks;
mod encrypted;
mod injected;
mod ipv6;
mod passed_on;
mod seen;
mod speed;

/// A router with a bridge, which is the segment 192.168.1.0/24, and an interface in 192.168.2.0/24. It knows no way to any pod.
struct Hosts {
    router: Namespace,
    server: Arc<ApiServer>,
    client: Client,
    /// Whether nodes that come encrypt.
    encrypted: bool,
}

/// A node there.
struct Host {
    name: &'static str,
    address: String,
    range: navarch_machinery::ranges::Ranges,
    cluster: Vec<navarch_network::IpNet>,
    mtu: u32,
    node: TestNode,
    network: PodNetwork,
    routes: Option<NodeRoutes>,
    flow_table: Option<FlowTable>,
    client: Client,
    /// As the administrator, in the place of the node itself.
    own: Client,
    transport: Transport,
    encryption: Option<Encryption>,
}

impl Hosts {
    async fn new() -> Self {
        let router = Namespace::new();
        router.sh(
            "ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward; \
             ip link add seg1 type bridge; ip addr add 192.168.1.254/24 dev seg1; ip link set seg1 up; \
             ip link add seg2 type bridge; ip addr add 192.168.2.254/24 dev seg2; ip link set seg2 up",
        );
        let store = Arc::new(Memory::new());
        let server = ApiServer::new(Config {
            clock: navarch_apiserver::Clock::default(),
            authenticator: Arc::new(Credentials::new(
                store.clone(),
                StaticTokens::default(),
                None,
            )),
            store,
            table: navarch_api::table::builtin().clone(),
            admission: AdmissionOptions::default(),
            token_keys: None,
            node_proxy: None,
            service_cidrs: "10.96.0.0/16".parse().unwrap(),
            node_ports: 30000..=32767,
            advertise: "127.0.0.1:6443".parse().unwrap(),
            cluster_dns: None,
        });
        server.bootstrap().await.unwrap();
        let admin = UserInfo::authenticated("admin", [MASTERS.to_owned()]);
        let client = Client::new(server.as_user(admin));
        Self {
            router,
            server,
            client,
            encrypted: false,
        }
    }

    /// Puts a namespace at a segment, with this address there.
    fn plug(&self, host: &Namespace, segment: u8, address: &str) {
        let end = format!("to{}", address.replace('.', ""));
        let end = &end[end.len() - 6..];
        self.router.sh(&format!(
            "ip link add name {end} type veth peer name eth0 netns {} && ip link set {end} master seg{segment} up",
            host.path().display()
        ));
        host.sh(&format!(
            "ip link set lo up; ip addr add {address}/24 dev eth0; ip link set eth0 up; ip route add default via 192.168.{segment}.254"
        ));
    }

    /// A node with its object. The host checks strictly where packets come from.
    async fn host(&self, name: &'static str, segment: u8, last: u8) -> Host {
        self.host_by(name, segment, last, Transport::Auto).await
    }

    async fn host_by(
        &self,
        name: &'static str,
        segment: u8,
        last: u8,
        transport: Transport,
    ) -> Host {
        let node = TestNode::new();
        let address = format!("192.168.{segment}.{last}");
        let range = format!("10.244.{}.0/24", segment * 10 + last);
        self.plug(&node.host, segment, &address);
        node.host
            .sh("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/default/rp_filter");
        let mtu =
            navarch_network::pod_mtu(ip(&address), self.encrypted, Some(node.host.path())).await;
        let config = navarch_network::Config {
            pod_cidrs: range.parse().unwrap(),
            mtu,
            ..node.config()
        };
        self.node(name, node, config, address, transport).await
    }

    /// A node that has addresses of IPv6 alone, as its pods do.
    async fn host_of_ipv6(&self, name: &'static str, segment: u8, last: u8) -> Host {
        let node = TestNode::new();
        self.plug(&node.host, segment, &format!("192.168.{segment}.{last}"));
        let address = format!("fd01:{segment}::{last}");
        node.host.sh(&format!(
            "ip addr add {address}/64 dev eth0 nodad; ip -6 route add default via fd01:{segment}::fe"
        ));
        let mtu =
            navarch_network::pod_mtu(ip(&address), self.encrypted, Some(node.host.path())).await;
        let range = format!("fd00:10:0:{:x}::/64", segment * 10 + last);
        let config = navarch_network::Config {
            pod_cidrs: range.parse().unwrap(),
            cluster_cidrs: vec!["fd00:10::/48".parse().unwrap()],
            mtu,
            ..node.config()
        };
        self.node(name, node, config, address, Transport::Auto)
            .await
    }

    /// A node whose pods have addresses of both families, as it has itself, or of IPv4 alone.
    async fn host_of_both(&self, name: &'static str, segment: u8, last: u8, itself: bool) -> Host {
        let node = TestNode::new();
        let mut address = format!("192.168.{segment}.{last}");
        self.plug(&node.host, segment, &address);
        if itself {
            let second = format!("fd01:{segment}::{last}");
            node.host.sh(&format!(
                "ip addr add {second}/64 dev eth0 nodad; ip -6 route add default via fd01:{segment}::fe"
            ));
            address = format!("{address},{second}");
        }
        let number = segment * 10 + last;
        let ranges = format!("10.244.{number}.0/24,fd00:10:0:{number:x}::/64");
        let config = navarch_network::Config {
            pod_cidrs: ranges.parse().unwrap(),
            cluster_cidrs: ["10.244.0.0/16", "fd00:10::/48"]
                .map(|range| range.parse().unwrap())
                .to_vec(),
            mtu: if self.encrypted { 1440 } else { 1450 },
            ..node.config()
        };
        self.node(name, node, config, address, Transport::Auto)
            .await
    }

    /// Starts the network, and the ways from it; the node has an object before.
    async fn node(
        &self,
        name: &'static str,
        node: TestNode,
        config: navarch_network::Config,
        address: String,
        transport: Transport,
    ) -> Host {
        let range = config.pod_cidrs;
        let ranges: Vec<String> = range.iter().map(|range| range.to_string()).collect();
        let (cluster, mtu) = (config.cluster_cidrs.clone(), config.mtu);
        let encryption = self.encrypted.then(encryption);
        let config = navarch_network::Config {
            wireguard_port: encryption.as_ref().map(|it| it.port),
            ..config
        };
        let network = PodNetwork::start(config).await.unwrap();
        assert_eq!(network.degradations().await.unwrap(), []);
        let addresses: Vec<_> = address
            .split(',')
            .map(|address| json!({"type": "InternalIP", "address": address}))
            .collect();
        let object = json!({"metadata": {"name": name}, "spec": {"podCIDR": ranges[0], "podCIDRs": ranges}, "status": {"addresses": addresses}});
        let object: Node = serde_json::from_value(object).unwrap();
        self.client.create(object).await.unwrap();
        let user = UserInfo::authenticated("system:kube-proxy", []);
        let mut host = Host {
            name,
            address,
            range,
            cluster,
            mtu,
            node,
            network,
            routes: None,
            flow_table: None,
            client: Client::new(self.server.as_user(user)),
            own: self.client.clone(),
            transport,
            encryption,
        };
        host.start().await;
        host
    }

    async fn delete(&self, host: &Host) {
        let options = DeleteOptions::default();
        let deleted = self.client.delete::<Node>(None, host.name, options).await;
        deleted.unwrap();
    }

    /// Says that the node is elsewhere.
    async fn moved(&self, host: &Host, address: &str) {
        let addresses = json!([{"type": "InternalIP", "address": address}]);
        let status = json!({"status": {"addresses": addresses}});
        let kind = PatchKind::Merge;
        let moved = self
            .client
            .patch_status::<Node>(None, host.name, kind, status);
        moved.await.unwrap();
    }
}

impl Host {
    fn config(&self) -> NodeRoutesConfig {
        NodeRoutesConfig {
            node: self.name.into(),
            addresses: self.address.split(',').map(ip).collect(),
            pod_cidrs: self.range,
            cluster_cidrs: self.cluster.clone(),
            bridge: "navarch0".into(),
            table: "navarch_hosts".into(),
            mtu: self.mtu,
            transport: self.transport,
            encryption: self.encryption.clone(),
            kept: None,
            netns: Some(self.node.host.path()),
        }
    }

    /// Starts to keep the ways, in the place of what does so, as a node's agent that is replaced.
    async fn start(&mut self) {
        (self.routes, self.flow_table) = (None, None);
        let nodes = Informer::start(self.client.clone(), InformerOptions::default());
        let routes = NodeRoutes::start(self.config(), nodes, self.own.clone()).await;
        let routes = routes.unwrap();
        routes.applied().await;
        self.routes = Some(routes);
        match self.encryption {
            Some(_) => encrypted::is_by_whom_it_should(self),
            None => self.flow_table = Some(FlowTable::start(flow_table::config(&self.node.host))),
        }
    }

    /// All packets pass all rules from now on.
    async fn without_flow_table(&mut self) {
        self.flow_table = None;
        let config = flow_table::config(&self.node.host);
        FlowTable::remove_everything(config).await.unwrap();
    }

    async fn pod(&self, id: &str) -> (Namespace, std::net::IpAddr) {
        let (pod, attachment) = attach(&self.network, id, vec![]).await;
        (pod, attachment.ips[0])
    }

    fn ways(&self) -> String {
        self.node.host.sh("ip route show proto 110")
    }
}

/// With a new key.
fn encryption() -> Encryption {
    Encryption {
        key: navarch_network::PrivateKey::generate().unwrap(),
        port: std::num::NonZeroU16::new(51_820).unwrap(),
    }
}

/// Whether a pod reaches another under its own address.
fn reaches(from: &(Namespace, std::net::IpAddr), to: &(Namespace, std::net::IpAddr)) -> bool {
    from.0
        .seen_as((to.1, 8080))
        .is_ok_and(|seen| seen == from.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_all_nodes_reach_each_other_under_their_own_addresses() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let b = hosts.host("b", 1, 2).await;
    let c = hosts.host("c", 2, 3).await;
    let pods = [a.pod("a").await, b.pod("b").await, c.pod("c").await];
    for (pod, _) in &pods {
        pod.answer(8080, "pod");
    }
    let start = Instant::now();
    for from in &pods {
        for to in &pods {
            until("a pod reaches another", || reaches(from, to)).await;
        }
    }
    eprintln!("all pods reach each other after {:?}", start.elapsed());
    let ways = a.ways();
    for way in [
        "10.244.12.0/24 via 192.168.1.2 dev eth0",
        "10.244.23.0/24 via 10.244.23.1 dev navarch0-vx src 10.244.11.1 onlink",
    ] {
        assert!(ways.contains(way), "{ways}");
    }
    // The hosts themselves reach pods of the others: straight from their own address, through the tunnel from that among their pods.
    let seen = |from: &Host, to: usize| from.node.host.seen_as((pods[to].1, 8080)).unwrap();
    assert_eq!(seen(&a, 1), ip("192.168.1.1"));
    assert_eq!(seen(&a, 2), ip("10.244.11.1"));
    assert_eq!(seen(&c, 0), ip("10.244.23.1"));
    // The largest packet of a pod's goes through the tunnel in one piece.
    let mtu = pods[0].0.sh("ip -o link show eth0");
    assert!(mtu.contains("mtu 1450"), "{mtu}");
    let pieces = |at: &Namespace| at.sh("awk '/^Ip:/ { n = $20 } END { print n }' /proc/net/snmp");
    let before = pieces(&a.node.host);
    pods[0].0.sh("busybox ping -c1 -W2 -s 1422 10.244.23.2");
    assert_eq!(pieces(&a.node.host), before);
    pods[0].0.sh("busybox ping -c1 -W2 -s 6000 10.244.23.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ways_follow_the_nodes() {
    let hosts = Hosts::new().await;
    let mut a = hosts.host("a", 1, 1).await;
    let b = hosts.host("b", 1, 2).await;
    let c = hosts.host("c", 2, 3).await;
    let (from, on_b, on_c) = (a.pod("a").await, b.pod("b").await, c.pod("c").await);
    on_b.0.answer(8080, "b");
    on_c.0.answer(8080, "c");
    until("b is reached", || reaches(&from, &on_b)).await;
    until("c is reached", || reaches(&from, &on_c)).await;
    // A node that moves to another address, and to the other segment.
    b.node.host.sh("ip addr add 192.168.1.77/24 dev eth0");
    hosts.moved(&b, "192.168.1.77").await;
    until("b is followed", || a.ways().contains("via 192.168.1.77 ")).await;
    assert!(reaches(&from, &on_b));
    c.node.host.sh("ip addr add 192.168.2.99/24 dev eth0");
    hosts.moved(&c, "192.168.2.99").await;
    let at = |host: &Host| host.node.host.sh("bridge fdb show dev navarch0-vx");
    until("c is followed", || at(&a).contains("dst 192.168.2.99")).await;
    assert!(!at(&a).contains("192.168.2.3"), "{}", at(&a));
    hosts.moved(&c, "192.168.2.3").await;
    until("c is back", || reaches(&from, &on_c)).await;
    // What others take away is put back at the next start, and nothing is taken away meanwhile.
    a.node.host.sh("ip route del 10.244.12.0/24; ip route add 10.244.99.0/24 via 192.168.1.9 proto 110; nft delete table inet navarch_hosts");
    a.start().await;
    assert!(reaches(&from, &on_b) && reaches(&from, &on_c));
    assert!(!a.ways().contains("10.244.99.0"), "{}", a.ways());
    a.node.host.sh("nft list table inet navarch_hosts");
    // Others' routes are none of ours.
    a.node.host.sh("ip route add 10.244.98.0/24 via 192.168.1.9; ip route add 172.30.0.0/24 via 192.168.1.9 proto 110");
    // A node that goes takes its ways along, the last behind the router the tunnel.
    hosts.delete(&b).await;
    until("b is gone", || !a.ways().contains("10.244.12.0")).await;
    hosts.delete(&c).await;
    let links = |host: &Host| host.node.host.sh("ip -o link; nft list tables");
    until("the tunnel is gone", || !links(&a).contains("-vx")).await;
    until("the guard is gone", || !links(&a).contains("_hosts")).await;
    let left = a.node.host.sh("ip route");
    assert!(left.contains("10.244.98.0") && left.contains("172.30.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_comes_up_again_has_its_ways_again() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let b = hosts.host("b", 1, 2).await;
    let c = hosts.host("c", 2, 3).await;
    let (from, on_b, on_c) = (a.pod("a").await, b.pod("b").await, c.pod("c").await);
    on_b.0.answer(8080, "b");
    on_c.0.answer(8080, "c");
    until("b is reached", || reaches(&from, &on_b)).await;
    a.node.host.sh("ip link set eth0 down");
    assert!(!a.ways().contains("192.168.1.2"), "{}", a.ways());
    tokio::time::sleep(Duration::from_millis(300)).await;
    a.node
        .host
        .sh("ip link set eth0 up; ip route add default via 192.168.1.254");
    let up = Instant::now();
    until("b is reached again", || reaches(&from, &on_b)).await;
    until("c is reached again", || reaches(&from, &on_c)).await;
    eprintln!("reached again after {:?}", up.elapsed());
    // A device that is taken away is made again.
    a.node.host.sh("ip link del navarch0-vx");
    until("c is reached again", || reaches(&from, &on_c)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_replaced_leaves_no_gap() {
    let hosts = Hosts::new().await;
    let mut a = hosts.host("a", 1, 1).await;
    let b = hosts.host("b", 1, 2).await;
    let c = hosts.host("c", 2, 3).await;
    let (from, on_b, on_c) = (a.pod("a").await, b.pod("b").await, c.pod("c").await);
    on_c.0.answer(8080, "c");
    on_b.0.answer(8080, "b");
    until("b is reached", || reaches(&from, &on_b)).await;
    until("c is reached", || reaches(&from, &on_c)).await;
    // 300 echo requests, 5 ms apart, to each, while the agent is replaced again and again.
    let pings = [on_b.1, on_c.1].map(|to| {
        let line = format!("busybox ping -q -c 300 -i 0.005 -W 1 {to}");
        from.0.spawn(move || {
            let output = std::process::Command::new("sh")
                .args(["-c", &line])
                .output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        })
    });
    while !pings.iter().all(std::thread::JoinHandle::is_finished) {
        a.start().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for ping in pings {
        let said = ping.join().unwrap();
        assert!(said.contains(" 300 packets received"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_may_go_through_the_tunnel_and_all_of_it_can_be_removed() {
    let hosts = Hosts::new().await;
    let mut a = hosts.host_by("a", 1, 1, Transport::Vxlan).await;
    let b = hosts.host_by("b", 1, 2, Transport::Vxlan).await;
    let (from, on_b) = (a.pod("a").await, b.pod("b").await);
    on_b.0.answer(8080, "b");
    until("b is reached", || reaches(&from, &on_b)).await;
    assert!(a.ways().contains("dev navarch0-vx"), "{}", a.ways());
    // To one that was set up otherwise, at once.
    a.transport = Transport::Auto;
    a.start().await;
    assert!(a.ways().contains("dev eth0"), "{}", a.ways());
    a.transport = Transport::Vxlan;
    a.start().await;
    a.routes = None;
    NodeRoutes::remove_everything(a.config()).await.unwrap();
    NodeRoutes::remove_everything(a.config()).await.unwrap();
    let left = a.node.host.sh("ip -o link; ip route; nft list tables");
    for gone in ["-vx", "10.244.12.0", "_hosts"] {
        assert!(!left.contains(gone), "{left}");
    }
}

/// Each look at the kernel that changes something there is told to whoever listens, and this listens.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_at_rest_changes_nothing() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let _c = hosts.host("c", 2, 3).await;
    until("the tunnel is there", || a.ways().contains("-vx")).await;
    let said = || a.node.host.sh("timeout 1 ip monitor link address || true");
    until("nothing changes", || said().trim().is_empty()).await;
}

/// The address of a host that routers are told of is at its loopback interface, whose packets go nowhere and are as large as can be.
#[tokio::test]
async fn the_loopback_interface_does_not_say_how_large_packets_are() {
    let host = Namespace::new();
    host.sh("ip link set lo up; ip addr add 192.0.2.1/32 dev lo");
    let mtu = navarch_network::pod_mtu(ip("192.0.2.1"), false, Some(host.path())).await;
    assert_eq!(mtu, 1450);
}
