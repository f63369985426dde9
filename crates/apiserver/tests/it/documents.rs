//! Discovery and OpenAPI over HTTPS: forms, hashes and what is kept.

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

#[tokio::test]
async fn a_document_that_is_known_is_not_sent_again() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let first = admin
        .send("GET", "/apis", &[("accept", AGGREGATED)], "")
        .await;
    assert_eq!(first.headers["content-type"], AGGREGATED);
    assert_eq!(first.headers["cache-control"], "public");
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let known = [("accept", AGGREGATED), ("if-none-match", &*etag)];
    let again = admin.send("GET", "/apis", &known, "").await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
}

#[tokio::test]
async fn discovery_is_in_the_form_that_is_asked_for() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let older = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    for (accept, begins) in [
        (
            "application/vnd.kubernetes.protobuf",
            &b"k8s\0\x0a\x12\x0a\x02v1\x12\x0cAPIGroupList"[..],
        ),
        ("application/yaml", b"apiVersion: v1\ngroups:"),
        (
            "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            b"k8s\0\x0a\x2f\x0a\x16apidiscovery.k8s.io/v2",
        ),
        (older, b"{\"apiVersion\":\"v1\",\"groups\""),
    ] {
        let got = admin.send("GET", "/apis", &[("accept", accept)], "").await;
        assert!(got.bytes.starts_with(begins), "{accept}: {:?}", got.bytes);
    }
    let none = admin
        .send("GET", "/apis", &[("accept", "text/html")], "")
        .await;
    assert_eq!(none.status, 406);
}

#[tokio::test]
async fn a_description_is_kept_under_its_hash() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let index = admin.get("/openapi/v3").await.json();
    let url = index["paths"]["api/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap()
        .to_owned();
    let kept = admin.get(&url).await;
    assert_eq!(kept.headers["cache-control"], "public, immutable");
    assert!(kept.headers.contains_key("expires"));
    let old = admin.get("/openapi/v3/api/v1?hash=OLD").await;
    assert_eq!(
        (old.status.as_u16(), old.headers["location"].as_bytes()),
        (301, url.as_bytes())
    );
    let older = [(
        "accept",
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    )];
    let message = admin.send("GET", "/openapi/v2", &older, "").await;
    assert_eq!(
        message.headers["content-type"],
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    );
    let none = admin
        .send("GET", "/openapi/v2", &[("accept", "text/html")], "")
        .await;
    assert_eq!(none.status, 406);
}
