//! Endpoints that are none.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const DEFAULT: &str = "/api/v1/namespaces/default/endpoints";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

fn slice(address: &str) -> Value {
    let family = if address.contains(':') {
        "IPv6"
    } else {
        "IPv4"
    };
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "s"}, "addressType": family,
        "endpoints": [{"addresses": [address]}], "ports": [{"name": "", "port": 80}]})
}

fn endpoints(address: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s"}, "subsets": [{"addresses": [{"ip": address}], "ports": [{"port": 80}]}]})
}

/// CVE-2021-25737: who might write slices had nodes send a service's traffic to what is a node's own, its loopback address and
/// the metadata of its cloud, though endpoints had been refused that for long.
#[tokio::test]
async fn cve_2021_25737_no_endpoint_is_what_only_a_node_itself_reaches() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let own = [
        "127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
    ];
    for address in own {
        let made = admin.post(SLICES, &slice(address)).await;
        assert_eq!(made.status, 422, "{address}: {}", made.message());
        let field = "endpoints[0].addresses[0]: Invalid value";
        assert!(made.message().contains(field), "{}", made.message());
        let made = admin.post(DEFAULT, &endpoints(address)).await;
        assert_eq!(made.status, 422, "{address}: {}", made.message());
        let field = "subsets[0].addresses[0].ip: Invalid value";
        assert!(made.message().contains(field), "{}", made.message());
    }
    // Nor does one become so.
    assert_eq!(admin.post(SLICES, &slice("192.0.2.1")).await.status, 201);
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = json!({"endpoints": [{"addresses": ["127.0.0.1"]}]}).to_string();
    let changed = admin
        .send("PATCH", &format!("{SLICES}/s"), &merge, patch)
        .await;
    assert_eq!(changed.status, 422, "{}", changed.message());
}
