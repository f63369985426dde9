//! Stub domains and other servers than the host's, as a config map says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use navarch_api::call::PatchKind;
use navarch_client::{Client, DeleteOptions, ListOptions};
use navarch_network::DnsServer;
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, ready, until};
use crate::dns::{OtherResolver, addresses, ask, ask_at};
use crate::ip;
use crate::namespaces::Namespace;

const NAMESPACE: Option<&str> = Some("kube-system");

impl Cluster {
    async fn set_dns(&self, data: Value) -> Arc<ConfigMap> {
        match self.client.get::<ConfigMap>(NAMESPACE, "kube-dns").await {
            Err(_) => {
                let metadata = json!({"name": "kube-dns", "namespace": "kube-system"});
                let map = json!({"metadata": metadata, "data": data});
                let map: ConfigMap = serde_json::from_value(map).unwrap();
                self.client.create(map).await.unwrap()
            }
            Ok(_) => {
                let (kind, patch) = (PatchKind::Merge, json!({"data": data}));
                let patched = self.client.patch(NAMESPACE, "kube-dns", kind, patch);
                patched.await.unwrap()
            }
        }
    }

    /// Waits for an event of the settings that says so.
    async fn until_warned(&self, said: &str) {
        let list = ListOptions {
            namespace: NAMESPACE.map(str::to_owned),
            ..ListOptions::default()
        };
        let is_it = |event: &Arc<Event>| {
            event.reason.as_deref() == Some("InvalidConfiguration")
                && event.involved_object.name.as_deref() == Some("kube-dns")
                && event
                    .message
                    .as_ref()
                    .is_some_and(|message| message.contains(said))
        };
        let start = Instant::now();
        while !self
            .client
            .list::<Event>(&list)
            .await
            .unwrap()
            .items
            .iter()
            .any(is_it)
        {
            assert!(start.elapsed() < PATIENCE, "nobody says {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn found(from: &Namespace, name: &str) -> Option<String> {
    let answer = ask(from, name, RecordType::A).ok()?;
    Some(addresses(&answer).first()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn stub_domains_and_upstream_nameservers_are_asked() {
    let cluster = Cluster::start().await;
    let (server, at_server) = cluster.pod("server").await;
    let (client, _) = cluster.pod("client").await;
    let host = [
        ("example.com.", "203.0.113.1"),
        ("in.out.example.", "203.0.113.1"),
        ("ns.out.example.", "192.0.2.2"),
    ];
    let hosts = OtherResolver::start(&cluster.outside, "192.0.2.2:53", &host);
    let own = [
        ("db.corp.example.", "203.0.113.2"),
        ("example.com.", "203.0.113.2"),
        ("a.b.corp.example.", "203.0.113.2"),
        ("x.legacy.cluster.local.", "203.0.113.2"),
        ("by.name.example.", "203.0.113.2"),
        ("deep.corp.example.", "203.0.113.2"),
    ];
    let servers = OtherResolver::start(&server, "0.0.0.0:8080", &own);
    let deep = [("x.deep.corp.example.", "203.0.113.3")];
    let at_deep = "192.0.2.2:5353";
    let deep = OtherResolver::refusing(&cluster.outside, at_deep, &deep);
    let place = tempfile::tempdir().unwrap();
    let config = cluster.dns(place.path()).await;
    let settings = cluster.dns_settings(&cluster.as_node(), place.path());
    let dns = DnsServer::start(config, &settings, cluster.view.clone()).unwrap();
    cluster.proxy().answer_dns_at(dns.address());
    let ports = json!([{"port": 53, "protocol": "UDP", "targetPort": 8080}]);
    let ports = json!({"ports": ports});
    cluster.service("ns", ports, &[ready(&at_server)]).await;
    until("the node answers", || {
        found(&client, "example.com.").as_deref() == Some("203.0.113.1")
    })
    .await;
    let unknown = ask(&client, "db.corp.example.", RecordType::A).unwrap();
    assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);

    // What was answered before by another is not said any more.
    let at_server = format!("{}:8080", at_server.ips[0]);
    let stub_domains = json!({
        // The first knows only what is there, and refuses all else.
        "corp.example": ["192.0.2.2:5353", at_server],
        "deep.corp.example": ["192.0.2.2:5353"],
        "legacy.cluster.local": [at_server],
        "name.example": ["ns.default.svc.cluster.local"],
        "out.example": ["ns.out.example"],
    });
    cluster
        .set_dns(json!({"stubDomains": stub_domains.to_string()}))
        .await;
    until("the stub domain is asked", || {
        found(&client, "db.corp.example.").as_deref() == Some("203.0.113.2")
    })
    .await;
    for (name, ip) in [
        ("A.b.CORP.example.", "203.0.113.2"),
        ("deep.corp.example.", ""),
        ("x.deep.corp.example.", "203.0.113.3"),
        ("x.legacy.cluster.local.", "203.0.113.2"),
        ("by.name.example.", "203.0.113.2"),
        ("in.out.example.", "203.0.113.1"),
        ("example.com.", "203.0.113.1"),
    ] {
        assert_eq!(found(&client, name).unwrap_or_default(), ip, "{name}");
    }
    assert_eq!(hosts.asked("a.b.corp.example."), 0);
    assert_eq!(deep.asked("a.b.corp.example."), 1);
    let web = ask(&client, "none.default.svc.cluster.local.", RecordType::A).unwrap();
    assert_eq!(web.metadata.response_code, ResponseCode::NXDomain);

    // What cannot be used changes nothing, and says so.
    cluster
        .set_dns(json!({"upstreamNameservers": "[\"resolver\"]"}))
        .await;
    cluster
        .until_warned("Settings of cluster DNS stay as they were: invalid nameserver: \"resolver\"")
        .await;
    assert_eq!(found(&client, "db.corp.example.").unwrap(), "203.0.113.2");

    // One that does not answer is not asked first again.
    let silent = OtherResolver::silent(&cluster.outside, "192.0.2.2:5454");
    let upstream = json!(["192.0.2.2:5454", at_server]).to_string();
    cluster
        .set_dns(json!({"upstreamNameservers": upstream, "stubDomains": null}))
        .await;
    until("the other upstream is asked", || {
        found(&client, "example.com.").as_deref() == Some("203.0.113.2")
    })
    .await;
    assert!(servers.asked("example.com.") > 0 && silent.asked("example.com.") > 0);
    assert_eq!(found(&client, "db.corp.example.").unwrap(), "203.0.113.2");
    assert_eq!(silent.asked("db.corp.example."), 0);

    let options = DeleteOptions::default();
    let gone = cluster
        .client
        .delete::<ConfigMap>(NAMESPACE, "kube-dns", options);
    gone.await.unwrap();
    until("the host's resolver is asked again", || {
        found(&client, "example.com.").as_deref() == Some("203.0.113.1")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_wait_until_it_is_known_who_is_to_be_asked() {
    let cluster = Cluster::start().await;
    let (client, _) = cluster.pod("client").await;
    let hosts = OtherResolver::start(
        &cluster.outside,
        "192.0.2.2:53",
        &[("example.com.", "203.0.113.1")],
    );
    let stub = [("db.corp.example.", "203.0.113.2")];
    let _stub = OtherResolver::start(&cluster.outside, "192.0.2.2:5353", &stub);
    let stub_domains = json!({"corp.example": ["192.0.2.2:5353"]}).to_string();
    cluster.set_dns(json!({"stubDomains": stub_domains})).await;
    let place = tempfile::tempdir().unwrap();
    let config = cluster.dns(place.path()).await;
    let (api, switch) = cluster.as_node_that_may_be_alone();
    switch.is_away.store(true, Ordering::Relaxed);
    let settings = cluster.dns_settings(&api, place.path());
    let dns = DnsServer::start(config, &settings, cluster.view.clone()).unwrap();
    let at = dns.address();
    let waiting = std::thread::spawn(move || {
        let answer = ask_at(&client, at, "db.corp.example.", RecordType::A).unwrap();
        (addresses(&answer), client)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    switch.is_away.store(false, Ordering::Relaxed);
    let (answer, client) = waiting.join().unwrap();
    assert_eq!(answer, [ip("203.0.113.2")]);
    assert_eq!(hosts.asked("db.corp.example."), 0);
    let kept = place.path().join("settings");
    until("it is kept", || kept.exists()).await;
    drop((dns, settings));

    // The next start knows it without the API, also if what is set cannot be used by then.
    let start = async |api: &Client, place: &Path| {
        let settings = cluster.dns_settings(api, place);
        let config = cluster.dns(place).await;
        let dns = DnsServer::start(config, &settings, cluster.view.clone());
        (dns.unwrap(), settings)
    };
    let asked = |dns: &DnsServer, name: &str| {
        let answer = ask_at(&client, dns.address(), name, RecordType::A).unwrap();
        addresses(&answer)
    };
    switch.is_away.store(true, Ordering::Relaxed);
    let (dns, settings) = start(&api, place.path()).await;
    assert_eq!(asked(&dns, "db.corp.example."), [ip("203.0.113.2")]);
    drop((dns, settings));
    cluster.set_dns(json!({"stubDomains": "{"})).await;
    let (dns, settings) = start(&cluster.as_node(), place.path()).await;
    cluster
        .until_warned("invalid JSON in data.stubDomains")
        .await;
    assert_eq!(asked(&dns, "db.corp.example."), [ip("203.0.113.2")]);
    drop((dns, settings));

    // Where nothing is known questions do not wait for ever: the API may be away for long.
    let nothing = tempfile::tempdir().unwrap();
    let (dns, _settings) = start(&api, nothing.path()).await;
    assert_eq!(asked(&dns, "example.com."), [ip("203.0.113.1")]);
}
