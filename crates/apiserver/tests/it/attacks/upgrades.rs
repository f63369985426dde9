//! Upgrades that a backend does not agree to.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;

use super::way::Backend;
use crate::cluster::{Cluster, TOKEN};
use crate::http::{Client, Who};

/// How long is waited for what must not happen.
const WHILE: Duration = Duration::from_millis(300);
/// Both ways to a backend: by the pod's subresource, and by the node's proxy.
const PATHS: [&str; 2] = [
    "/api/v1/namespaces/default/pods/a/exec?command=sh&stdout=true",
    "/api/v1/nodes/node2/proxy/exec/default/a/c?command=sh&output=1",
];

/// A connection on which a WebSocket was asked for.
async fn asked(cluster: &Cluster, path: &str) -> TlsStream<TcpStream> {
    let mut stream = Client::dial(cluster, &Who::Nobody).await;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: v5.channel.k8s.io\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// What comes until it is quiet, or to the end.
async fn told(stream: &mut TlsStream<TcpStream>) -> String {
    let (mut told, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(WHILE, stream.read(&mut chunk)).await {
        told.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&told).into_owned()
}

/// CVE-2018-1002105: the server took a refused upgrade for one that was agreed to, and the client could send the kubelet requests of
/// its own on the connection, in the server's name.
#[tokio::test]
async fn what_follows_a_refused_upgrade_does_not_reach_the_backend() {
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno";
    for path in PATHS {
        let (cluster, backend) = Backend::answering(refusal).await;
        let mut stream = asked(&cluster, path).await;
        let first = told(&mut stream).await;
        assert!(first.starts_with("HTTP/1.1 400 "), "{path}: {first}");
        assert!(first.contains("\r\nno"), "{path}: {first}");
        let smuggled = "GET /runningpods/ HTTP/1.1\r\nhost: x\r\nx-smuggled: yes\r\n\r\n";
        // It may be cut already.
        let _ = stream.write_all(smuggled.as_bytes()).await;
        told(&mut stream).await;
        assert_eq!(backend.connections(), 1, "{path}");
        assert!(backend.has_heard("upgrade: websocket"), "{path}");
        assert!(!backend.has_heard("smuggled"), "{path}");
    }
}

/// CVE-2020-8559: the server handed on a redirect of an upgrade, which sent the client's proof of who it is to wherever a node
/// that was taken over said.
#[tokio::test]
async fn an_upgrade_is_not_led_elsewhere_by_its_backend() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = elsewhere.local_addr().unwrap();
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: https://{address}/stolen\r\ncontent-length: 0\r\n\r\n"
    );
    for path in PATHS {
        let (cluster, backend) = Backend::answering(&redirect).await;
        let mut stream = asked(&cluster, path).await;
        let answer = told(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{path}: {answer}");
        assert!(!answer.contains("stolen"), "{path}: {answer}");
        let words = "invalid upgrade response: status code 302";
        assert!(answer.contains(words), "{path}: {answer}");
        assert_eq!(backend.connections(), 1, "{path}");
    }
    let followed = tokio::time::timeout(WHILE, elsewhere.accept()).await;
    assert!(followed.is_err(), "the server followed the redirect");
}
