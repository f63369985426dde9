//! Limits of a pod's bandwidth, as the kernel has them.

use navarch_network::{Attachment, Error, PodNetwork, PodRequest};

use crate::{TestNode, attach, namespaces::Namespace, pod_name};

const WAYS: [&str; 2] = [
    "kubernetes.io/ingress-bandwidth",
    "kubernetes.io/egress-bandwidth",
];

fn request(id: &str, rates: [&str; 2]) -> PodRequest {
    let annotations = WAYS.map(str::to_owned).into_iter();
    let annotations = annotations.zip(rates.map(str::to_owned)).collect();
    PodRequest {
        annotations,
        ..PodRequest::new(pod_name(id), vec![])
    }
}

async fn attach_limited(network: &PodNetwork, id: &str) -> (Namespace, Attachment) {
    let pod = Namespace::new();
    let limited = request(id, ["10M", "2M"]);
    let attachment = network.attach(id, &pod.path(), limited).await.unwrap();
    (pod, attachment)
}

fn devices(node: &TestNode) -> String {
    node.host.sh("ip -o link show type ifb")
}

#[tokio::test]
async fn each_way_goes_through_a_bucket_of_its_own() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, limited) = attach_limited(&network, "slow").await;
    let (other, free) = attach(&network, "free", vec![]).await;
    let end = &limited.host_interface;
    let device = end.replacen("nv", "ni", 1);
    let shown = |interface: &str| {
        node.host
            .sh(&format!("tc -s qdisc show dev {interface} root"))
    };
    assert!(
        shown(end).contains("tbf") && shown(end).contains("rate 10Mbit"),
        "{}",
        shown(end)
    );
    assert!(shown(&device).contains("rate 2Mbit"), "{}", shown(&device));
    assert!(!shown(&free.host_interface).contains("tbf"));
    // Both ways are gone, and what is sent goes by the device: it is the pod that the neighbour has seen.
    let seen = other.serve(80, 1);
    assert_eq!(pod.ask((free.ips[0], 80)).unwrap(), limited.ips[0]);
    assert_eq!(seen.join().unwrap(), [limited.ips[0]]);
    for interface in [end, &device] {
        let shown = shown(interface);
        assert!(!shown.contains("Sent 0 bytes"), "{interface}: {shown}");
    }
    network.detach("slow").await.unwrap();
    assert_eq!(devices(&node), "");
}

#[tokio::test]
async fn a_limited_pod_is_mended_and_its_device_goes_with_it() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, first) = attach_limited(&network, "a").await;
    node.host
        .sh(&format!("ip link del {}", first.host_interface));
    let again = network
        .attach("a", &pod.path(), request("a", ["10M", "2M"]))
        .await;
    assert_eq!(again.unwrap(), first);
    assert_eq!(devices(&node).lines().count(), 1);
    let (_gone, _) = attach_limited(&network, "gone").await;
    assert_eq!(devices(&node).lines().count(), 2);
    // Of one that nobody knows any more, and of all.
    node.host
        .sh(&format!("rm {}/gone.json", node.state_dir().display()));
    drop(network);
    let network = node.start().await;
    network.reconcile(["a".to_owned()].into()).await.unwrap();
    assert_eq!(devices(&node).lines().count(), 1);
    drop(network);
    PodNetwork::remove_everything(node.config()).await.unwrap();
    assert_eq!(devices(&node), "");
}

/// However little comes in a moment, the largest packet fits: it waits, and is not lost.
#[tokio::test]
async fn the_largest_packet_passes_at_the_lowest_rates() {
    let node = TestNode::new();
    let network = PodNetwork::start(navarch_network::Config {
        mtu: 9000,
        ..node.config()
    })
    .await
    .unwrap();
    let pod = Namespace::new();
    let slow = request("a", ["1M", "1M"]);
    let attachment = network.attach("a", &pod.path(), slow).await.unwrap();
    let ping = "busybox ping -c1 -W5 -s";
    pod.sh(&format!("{ping} 8972 {}", attachment.gateway));
}

#[tokio::test]
async fn what_limits_nothing_is_refused() {
    let node = TestNode::new();
    let network = node.start().await;
    let pod = Namespace::new();
    let refused = network
        .attach("a", &pod.path(), request("a", ["1", "1M"]))
        .await;
    let error = refused.unwrap_err();
    assert!(matches!(error, Error::Bandwidth(_)), "{error}");
    assert_eq!(network.attachments().await.unwrap(), []);
}
