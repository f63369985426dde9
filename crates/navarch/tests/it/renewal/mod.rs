//! Certificates and tokens that live for seconds, so that a day of them is half a minute: all is renewed while it is used.

mod apart;
mod joining;
mod use_of;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::{IMAGE, client, until};
use crate::services::page;
use apart::{Apart, NODE};

/// How long it goes on: each certificate and each token is renewed at least twice in it.
const DAY: Duration = Duration::from_secs(26);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_fails_while_all_certificates_and_tokens_are_renewed() {
    let apart = Apart::start();
    let pods: Api<Pod> = Api::default_namespaced(client(&apart.kubeconfig()).await);
    let uid = run(&pods, "first").await;
    let files = apart.files(&uid);
    let mut seen: HashMap<PathBuf, Vec<Vec<u8>>> = HashMap::new();

    let end = Instant::now() + DAY;
    let (first, second, third, fourth, ()) = tokio::join!(
        use_of::fresh_clients(&apart, end),
        use_of::logs(&apart, end),
        use_of::account_tokens(&apart, &files.token, end),
        use_of::controllers(&apart, end),
        async {
            while Instant::now() < end {
                for file in files.all() {
                    // What the node serves with may not be signed yet.
                    let Ok(text) = std::fs::read(file) else {
                        continue;
                    };
                    let known = seen.entry(file.clone()).or_default();
                    if !known.contains(&text) {
                        known.push(text);
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        },
    );
    for used in [first, second, third, fourth] {
        println!("{used}");
        assert!(used.count > 10, "{used}");
        assert!(used.failures.is_empty(), "{used}\n{}", apart.errors());
    }
    for file in files.all() {
        let kinds = seen.get(file).map_or(0, Vec::len);
        assert!(kinds > 2, "{} had {kinds} contents", file.display());
    }
    // The node has heard of all that happened, and is still heard.
    let pods: Api<Pod> = Api::default_namespaced(client(&apart.kubeconfig()).await);
    run(&pods, "last").await;
    served(&apart, "last").await;
    let nodes: Api<Node> = Api::all(client(&apart.kubeconfig()).await);
    let node = nodes.get(NODE).await.unwrap();
    let conditions = node.status.and_then(|status| status.conditions);
    let mut ready = conditions.into_iter().flatten();
    assert!(ready.any(|it| it.type_ == "Ready" && it.status == "True"));
}

/// Waits until the node leads to the pod of a name by a new service: its network has heard of it by an account of its own.
async fn served(apart: &Apart, name: &str) {
    let services: Api<Service> = Api::default_namespaced(client(&apart.kubeconfig()).await);
    let service = json!({
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    let service = serde_json::from_value(service).unwrap();
    let made = services.create(&PostParams::default(), &service).await;
    let address = made.unwrap().spec.unwrap().cluster_ip.unwrap();
    let at = SocketAddr::new(address.parse().unwrap(), 80);
    let start = Instant::now();
    while page(at).ok().as_deref() != Some("here") {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", page(at));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Runs a pod until it is ready; answers its uid.
async fn run(pods: &Api<Pod>, name: &str) -> String {
    let pod = json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
            "name": "main", "image": IMAGE, "command": ["sh", "-c", "echo here | tee /index.html; exec httpd -f -p 8080 -h /"],
        }]},
    });
    let pod = serde_json::from_value(pod).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let is_ready = |pod: Option<&Pod>| {
        let status = pod?.status.as_ref()?;
        let mut all = status.conditions.iter().flatten();
        let ready = all.any(|it| it.type_ == "Ready" && it.status == "True");
        ready.then(|| pod?.metadata.uid.clone()).flatten()
    };
    until(pods, name, is_ready).await
}
