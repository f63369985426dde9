//! A cluster that listens on all addresses, and what its node tells of itself.

use crate::cluster::Cluster;

#[test]
fn a_node_has_an_address_even_where_the_api_listens_on_all() {
    let cluster = Cluster::start_with(&["--bind-address", "0.0.0.0"]);
    let kubectl = cluster.kubectl();
    let path = "jsonpath={.items[0].status.addresses[?(@.type==\"InternalIP\")].address}";
    let address = kubectl.ok(&format!("get nodes -o '{path}'"));
    let address: std::net::IpAddr = address.parse().unwrap();
    assert!(
        !address.is_unspecified() && !address.is_loopback(),
        "{address}"
    );
    // Server and node are one program, and say so in the same words.
    let version: serde_json::Value =
        serde_json::from_str(&kubectl.ok("get --raw /version")).unwrap();
    let of_node = kubectl.ok("get nodes -o 'jsonpath={.items[0].status.nodeInfo.kubeletVersion}'");
    assert_eq!(version["gitVersion"], of_node);
}
