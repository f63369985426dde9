use std::{collections::HashSet, fs};

use navarch_network::{Config, Connection, Error, PodNetwork, PodRequest};

use crate::{TestNode, attach, ip, pod_name};

#[tokio::test]
async fn a_restart_keeps_what_lives_and_frees_what_does_not() {
    let node = TestNode::new();
    let network = node.start().await;
    let (alive, kept) = attach(&network, "alive", vec![]).await;
    let (_dead, lost) = attach(&network, "dead", vec![]).await;
    let (_last, last) = attach(&network, "last", vec![]).await;
    network.detach("last").await.unwrap();
    let index = alive.sh("cat /sys/class/net/eth0/ifindex; ip -o link show eth0");
    drop(network);

    let network = node.start().await;
    let found: Vec<_> = network.attachments().await.unwrap();
    assert_eq!(found, [kept.clone(), lost.clone()]);
    let freed = network
        .reconcile(HashSet::from(["alive".to_owned()]))
        .await
        .unwrap();
    assert_eq!(freed, ["dead"]);
    // The living pod's interface is the same one, and still works.
    assert_eq!(network.check("alive").await.unwrap(), Connection::Up);
    assert_eq!(
        network
            .attach(
                "alive",
                &alive.path(),
                PodRequest::new(pod_name("alive"), vec![])
            )
            .await
            .unwrap(),
        kept
    );
    assert_eq!(
        alive.sh("cat /sys/class/net/eth0/ifindex; ip -o link show eth0"),
        index
    );
    let seen = alive.serve(80, 1);
    node.host.ask((kept.ips[0], 80)).unwrap();
    seen.join().unwrap();
    assert!(!node.host.sh("ip -o link").contains(&lost.host_interface));
    // Neither the freed addresses nor the one detached before the restart come next.
    assert!(last.ips[0] < attach(&network, "new", vec![]).await.1.ips[0]);
}

#[tokio::test]
async fn an_interface_without_a_record_goes() {
    let node = TestNode::new();
    let network = node.start().await;
    let (_pod, lost) = attach(&network, "lost", vec![]).await;
    drop(network);
    fs::write(node.state_dir().join("lost.json"), "{").unwrap();
    node.host
        .sh("ip link add name eth9 type veth peer name eth8 && ip link set eth9 master navarch0");
    let network = node.start().await;
    assert_eq!(network.attachments().await.unwrap(), []);
    network.reconcile(HashSet::new()).await.unwrap();
    let links = node.host.sh("ip -o link");
    assert!(
        !links.contains(&lost.host_interface) && links.contains("eth9"),
        "{links}"
    );
}

#[tokio::test]
async fn removing_everything_leaves_nothing() {
    let node = TestNode::new();
    let before = node.host.sh("ip -o link; nft list ruleset");
    let network = node.start().await;
    let (pod, _) = attach(&network, "a", vec![]).await;
    drop(network);
    // Again, and where nothing is, it is fine.
    for _ in 0..2 {
        PodNetwork::remove_everything(node.config()).await.unwrap();
        assert_eq!(node.host.sh("ip -o link; nft list ruleset"), before);
    }
    assert!(!pod.sh("ip -o link").contains("eth0"));
    assert!(!node.state_dir().exists());
}

#[tokio::test]
async fn two_nodes_share_a_namespace() {
    let (one, two) = (TestNode::new(), TestNode::new());
    let first = one.start().await;
    let config = Config {
        bridge: "navarch1".to_owned(),
        table: "navarch1".to_owned(),
        pod_cidrs: "10.244.2.0/24".parse().unwrap(),
        netns: Some(one.host.path()),
        ..two.config()
    };
    let second = PodNetwork::start(config.clone()).await.unwrap();
    let (server, served) = attach(&first, "server", vec![]).await;
    let (client, asking) = attach(&second, "client", vec![]).await;
    assert_eq!(asking.ips, [ip("10.244.2.2")]);
    let seen = server.serve(80, 2);
    assert_eq!(client.ask((served.ips[0], 80)).unwrap(), asking.ips[0]);
    // One goes; the other stays as it is.
    drop(second);
    PodNetwork::remove_everything(config).await.unwrap();
    assert_eq!(first.check("server").await.unwrap(), Connection::Up);
    one.host.ask((served.ips[0], 80)).unwrap();
    seen.join().unwrap();
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_alone() {
    let node = TestNode::new();
    node.host
        .sh("ip link add name navarch0 type veth peer name eth8");
    let started = PodNetwork::start(node.config()).await;
    assert!(matches!(started, Err(Error::NotABridge(_))), "{started:?}");
    let removed = PodNetwork::remove_everything(node.config()).await;
    assert!(matches!(removed, Err(Error::NotABridge(_))), "{removed:?}");
    assert!(node.host.sh("ip -d -o link show navarch0").contains("veth"));
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_an_error() {
    let node = TestNode::new();
    let config = Config {
        netns: Some("/nowhere".into()),
        ..node.config()
    };
    let started = PodNetwork::start(config).await;
    assert!(
        matches!(started, Err(Error::Namespace { .. })),
        "{started:?}"
    );
}

#[tokio::test]
async fn another_pod_cidr_takes_the_place_of_the_former() {
    let node = TestNode::new();
    let network = node.start().await;
    let (_pod, former) = attach(&network, "a", vec![]).await;
    drop(network);
    let config = Config {
        pod_cidrs: "10.244.7.0/24".parse().unwrap(),
        ..node.config()
    };
    let network = PodNetwork::start(config).await.unwrap();
    assert_eq!(network.attachments().await.unwrap(), []);
    network.reconcile(HashSet::new()).await.unwrap();
    let shown = node.host.sh("ip -o -4 addr show navarch0; ip -o link");
    assert!(
        shown.contains("10.244.7.1/24") && !shown.contains("10.244.1.1"),
        "{shown}"
    );
    assert!(!shown.contains(&former.host_interface), "{shown}");
    assert_eq!(
        attach(&network, "a", vec![]).await.1.ips,
        [ip("10.244.7.2")]
    );
}
