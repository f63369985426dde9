use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cluster::{Behind, Cluster, cluster_ip, node_port, ready, until};
use crate::ip;
use crate::namespaces::Namespace;

const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 244, 1, 1));

/// Which servers answer.
fn answering(from: &Namespace, to: (IpAddr, u16), times: usize) -> HashSet<String> {
    (0..times).map(|_| from.who(to).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_ip_leads_to_every_endpoint_and_pods_keep_their_address() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (b, at_b) = cluster.pod("b").await;
    let (client, asking) = cluster.pod("client").await;
    a.answer(8080, "a");
    b.answer(8080, "b");
    let service = cluster
        .service("web", json!({}), &[ready(&at_a), ready(&at_b)])
        .await;
    let at = (cluster_ip(&service), 80);
    let both = HashSet::from(["a".to_owned(), "b".to_owned()]);
    assert_eq!(answering(&client, at, 40), both);
    assert_eq!(client.seen_as(at).unwrap(), asking.ips[0]);
    assert_eq!(answering(&cluster.node.host, at, 40), both);
    // From outside the cluster, and from the node, the answer must come back this way.
    assert_eq!(cluster.node.host.seen_as(at).unwrap(), GATEWAY);
    assert_eq!(cluster.outside.seen_as(at).unwrap(), GATEWAY);
    // What is not served is refused at once.
    let begin = Instant::now();
    let refused = client.who((at.0, 81)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(
        cluster.node.host.who((at.0, 81)).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert!(begin.elapsed() < Duration::from_millis(500));
    // An endpoint that goes gets no more.
    cluster.behind(&service, &[ready(&at_b)]).await;
    assert_eq!(answering(&client, at, 20), HashSet::from(["b".to_owned()]));
    // A pod reaches itself.
    assert_eq!(b.seen_as(at).unwrap(), GATEWAY);
    cluster.delete("web").await;
    until("the service is gone", || client.who(at).is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_endpoints_a_service_is_refused_at_once() {
    let cluster = Cluster::start().await;
    let (client, _) = cluster.pod("client").await;
    let spec = json!({"type": "NodePort", "externalIPs": ["198.51.100.7"]});
    let service = cluster.service("none", spec, &[]).await;
    let begin = Instant::now();
    for from in [&client, &cluster.node.host, &cluster.outside] {
        for at in [
            (cluster_ip(&service), 80),
            (ip("198.51.100.7"), 80),
            (NODE, node_port(&service)),
        ] {
            let error = from.who(at).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{at:?}");
        }
    }
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn node_ports_and_external_ips_lead_to_endpoints_by_way_of_the_node() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (client, _) = cluster.pod("client").await;
    a.answer(8080, "a");
    let spec = json!({"type": "NodePort", "externalIPs": ["198.51.100.7"]});
    let service = cluster.service("web", spec, &[ready(&at_a)]).await;
    for at in [(NODE, node_port(&service)), (ip("198.51.100.7"), 80)] {
        for from in [&cluster.outside, &client, &cluster.node.host] {
            assert_eq!(from.seen_as(at).unwrap(), GATEWAY, "{at:?}");
        }
        assert_eq!(a.seen_as(at).unwrap(), GATEWAY);
    }
    // Not by loopback: who can send packets to that address from elsewhere must find nothing there.
    let loopback = (ip("127.0.0.1"), node_port(&service));
    let refused = cluster.node.host.who(loopback).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_traffic_policies_keep_traffic_on_its_node() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (client, asking) = cluster.pod("client").await;
    a.answer(8080, "a");
    let spec = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Local"});
    let service = cluster.service("web", spec, &[ready(&at_a)]).await;
    let health: u16 = service
        .spec
        .as_ref()
        .unwrap()
        .health_check_node_port
        .unwrap() as u16;
    let at = (NODE, node_port(&service));
    assert_eq!(cluster.outside.seen_as(at).unwrap(), OUTSIDE);
    assert_eq!(client.seen_as(at).unwrap(), asking.ips[0]);
    assert_eq!(cluster.node.host.seen_as(at).unwrap(), GATEWAY);
    let healthy = cluster.outside.http((NODE, health)).unwrap();
    assert!(healthy.starts_with("HTTP/1.1 200"), "{healthy}");
    assert!(
        healthy.contains("x-load-balancing-endpoint-weight: 1"),
        "{healthy}"
    );
    let body = "{\n\t\"service\": {\n\t\t\"namespace\": \"default\",\n\t\t\"name\": \"web\"\n\t},\n\t\"localEndpoints\": 1,\n\t\"serviceProxyHealthy\": true\n}";
    assert!(healthy.ends_with(body), "{healthy}");
    // The endpoint is on another node: for whoever is outside there is nothing here, and another node may serve.
    let elsewhere = Behind {
        node: "n2",
        ..ready(&at_a)
    };
    cluster.behind(&service, &[elsewhere]).await;
    assert_eq!(
        cluster.outside.who(at).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    let internal = (cluster_ip(&service), 80);
    assert_eq!(
        client.who(internal).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    // From inside external addresses lead everywhere.
    assert_eq!(client.who(at).unwrap(), "a");
    assert_eq!(cluster.node.host.who(at).unwrap(), "a");
    let unhealthy = cluster.outside.http((NODE, health)).unwrap();
    assert!(unhealthy.starts_with("HTTP/1.1 503"), "{unhealthy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancers_address_serves_those_it_is_for() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (client, _) = cluster.pod("client").await;
    a.answer(8080, "a");
    let ranges = ["192.0.2.2/32", "10.9.0.0/16", "10.9.1.0/24"];
    let spec = json!({"type": "LoadBalancer", "loadBalancerSourceRanges": ranges});
    let service = cluster.service("web", spec, &[ready(&at_a)]).await;
    let at = (ip("198.51.100.8"), 80);
    cluster.ingress("web", json!({"ip": "198.51.100.8"})).await;
    until("the address serves", || cluster.outside.who(at).is_ok()).await;
    assert_eq!(client.who(at).unwrap_err().kind(), ErrorKind::TimedOut);
    // Node ports are open to all, as they are in Kubernetes.
    assert_eq!(client.who((NODE, node_port(&service))).unwrap(), "a");
    // A balancer that is a proxy keeps its address.
    let proxy = json!({"ip": "198.51.100.8", "ipMode": "Proxy"});
    cluster.ingress("web", proxy).await;
    until("the address is the balancer's own", || {
        cluster.outside.who(at).is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_stays_with_its_endpoint() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (b, at_b) = cluster.pod("b").await;
    let (c, at_c) = cluster.pod("c").await;
    let (client, _) = cluster.pod("client").await;
    a.answer(8080, "a");
    b.answer(8080, "b");
    c.answer(8080, "c");
    let pods = [("a", &at_a), ("b", &at_b), ("c", &at_c)];
    let timeout = json!({"clientIP": {"timeoutSeconds": 2}});
    let spec = json!({"type": "NodePort", "sessionAffinity": "ClientIP", "sessionAffinityConfig": timeout});
    let service = cluster
        .service("web", spec, &pods.map(|(_, pod)| ready(pod)))
        .await;
    for (from, at) in [
        (&client, (cluster_ip(&service), 80)),
        (&cluster.outside, (NODE, node_port(&service))),
    ] {
        let first = answering(from, at, 20);
        assert_eq!(first.len(), 1, "{first:?}");
        // Every connection prolongs it.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1200)).await;
            assert_eq!(answering(from, at, 1), first);
        }
        // Another endpoint's end changes nothing; its own does.
        let first = first.iter().next().unwrap().as_str();
        let others: Vec<_> = pods.iter().filter(|(name, _)| *name != first).collect();
        let own = pods.iter().find(|(name, _)| *name == first).unwrap();
        cluster
            .behind(&service, &[ready(own.1), ready(others[0].1)])
            .await;
        assert_eq!(answering(from, at, 5), HashSet::from([first.to_owned()]));
        cluster
            .behind(&service, &[ready(others[0].1), ready(others[1].1)])
            .await;
        let second = answering(from, at, 20);
        assert_eq!(second.len(), 1);
        assert!(!second.contains(first));
        cluster
            .behind(&service, &pods.map(|(_, pod)| ready(pod)))
            .await;
    }
    // In the end it is over.
    let at = (cluster_ip(&service), 80);
    let mut seen = HashSet::new();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(2200)).await;
        seen.insert(client.who(at).unwrap());
        if seen.len() > 1 {
            return;
        }
    }
    panic!("the client never left {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_of_udp_follow_the_endpoints() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (b, at_b) = cluster.pod("b").await;
    let (client, _) = cluster.pod("client").await;
    a.answer_udp(8080, "a");
    b.answer_udp(8080, "b");
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "UDP"}]});
    let service = cluster.service("udp", spec, &[ready(&at_a)]).await;
    let at = [
        (&client, (cluster_ip(&service), 80)),
        (&cluster.outside, (NODE, node_port(&service))),
    ];
    // From the same port each time: the kernel takes the packets for one flow.
    for (from, to) in at {
        assert_eq!(from.who_udp(5555, to).unwrap(), "a");
    }
    cluster.behind(&service, &[ready(&at_b)]).await;
    for (from, to) in at {
        until("the flow goes to the endpoint that is left", || {
            from.who_udp(5555, to).is_ok_and(|who| who == "b")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_end_serve_while_there_is_no_other() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (b, at_b) = cluster.pod("b").await;
    let (client, _) = cluster.pod("client").await;
    a.answer(8080, "a");
    b.answer(8080, "b");
    let ending = Behind {
        terminating: true,
        ..ready(&at_a)
    };
    let service = cluster.service("web", json!({}), &[ending]).await;
    let at = (cluster_ip(&service), 80);
    assert_eq!(client.who(at).unwrap(), "a");
    cluster.behind(&service, &[ending, ready(&at_b)]).await;
    assert_eq!(answering(&client, at, 20), HashSet::from(["b".to_owned()]));
    let unready = Behind {
        ready: false,
        ..ready(&at_b)
    };
    cluster.behind(&service, &[unready]).await;
    assert_eq!(
        client.who(at).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_outlive_the_proxy_and_the_next_one_puts_them_right() {
    let mut cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (client, _) = cluster.pod("client").await;
    a.answer(8080, "a");
    let service = cluster.service("web", json!({}), &[ready(&at_a)]).await;
    let at = (cluster_ip(&service), 80);
    cluster.start_proxy().await;
    // While the new one starts, too.
    for _ in 0..50 {
        assert_eq!(client.who(at).unwrap(), "a");
    }
    // What others have put there, and taken away, is put right.
    let table = &cluster.node.host;
    let name = table.sh("nft list tables | grep -o 'services-.*'");
    let name = name.trim();
    table.sh(&format!(
        "nft 'add element ip {name} cluster-ips {{ 10.96.9.9 }}; flush map ip {name} services'"
    ));
    cluster.start_proxy().await;
    until("the table is as it was", || client.who(at).is_ok()).await;
    let table = &cluster.node.host;
    assert!(
        !table
            .sh(&format!("nft list set ip {name} cluster-ips"))
            .contains("10.96.9.9")
    );
    // A table of another layout has to go.
    table.sh(&format!(
        "nft 'delete table ip {name}; table ip {name} {{ map services {{ type ipv4_addr : verdict; }}; }}'"
    ));
    until("the table is made anew", || client.who(at).is_ok()).await;
    // So has one of a program that had no layout in its name.
    table.sh("nft 'table ip services { map services { type ipv4_addr : verdict; }; }'");
    cluster.start_proxy().await;
    until("nothing of it is left", || {
        !cluster
            .node
            .host
            .sh("nft list tables")
            .contains("ip services\n")
    })
    .await;
    cluster.remove_everything().await;
    let tables = cluster.node.host.sh("nft list tables");
    assert!(!tables.contains("services"), "{tables}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_what_listens_on_the_nodes_loopback_address() {
    let cluster = Cluster::start().await;
    let (pod, _) = cluster.pod("pod").await;
    let host = &cluster.node.host;
    host.answer(7000, "private");
    for (from, way) in [
        (&pod, "10.244.1.1 dev eth0"),
        (&cluster.outside, "192.0.2.1 dev out0"),
    ] {
        assert_eq!(from.who((NODE, 7000)).unwrap(), "private");
        from.sh("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet");
        from.sh("ip addr del 127.0.0.1/8 dev lo");
        from.sh(&format!("ip route add 127.0.0.1/32 via {way}"));
        from.who((ip("127.0.0.1"), 7000)).unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_the_address_of_anothers_service() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (b, at_b) = cluster.pod("b").await;
    let (client, _) = cluster.pod("client").await;
    a.answer(8080, "a");
    b.answer(8080, "b");
    let service = cluster.service("web", json!({}), &[ready(&at_a)]).await;
    let at = (cluster_ip(&service), 80);
    let spec = json!({"externalIPs": [at.0]});
    cluster.service("a-thief", spec, &[ready(&at_b)]).await;
    assert_eq!(answering(&client, at, 20), HashSet::from(["a".to_owned()]));
}
