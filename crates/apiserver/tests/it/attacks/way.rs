//! The way to nodes that are the attacker's: what they answer is given, and all that reaches them is written down.

use std::sync::Arc;
use std::time::SystemTime;

use ::http::Response;
use k8s_openapi::api::core::v1::Node;
use navarch_apiserver::{Kubelets, NodeProxy, NodeRequest, ReplyBody, Wire, tls_config};
use navarch_auth::{Authority, Purpose, Subject};
use navarch_machinery::status::Result;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

/// How many bytes are between a backend that is only a pipe and the server.
const PIPE: usize = 1 << 16;

/// Every backend of the cluster: the kubelet of `node1`, which listens on this host, and what `nodes/node2/proxy` leads to.
#[derive(Clone)]
pub(super) struct Backend {
    answer: Arc<str>,
    /// What each connection has brought.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

struct Nodes {
    kubelets: Kubelets,
    backend: Backend,
}

#[async_trait::async_trait]
impl NodeProxy for Nodes {
    async fn forward(&self, request: NodeRequest) -> Result<Response<ReplyBody>> {
        self.kubelets.forward(request).await
    }

    async fn connect(&self, _: &Node) -> Result<Box<dyn Wire>> {
        let (own, other) = tokio::io::duplex(PIPE);
        tokio::spawn(self.backend.clone().serve(other));
        Ok(Box::new(own))
    }
}

impl Backend {
    /// A cluster with the pod `a` on `node1`, and `node2`. Whatever is asked of either is answered with `answer`.
    pub(super) async fn answering(answer: &str) -> (Cluster, Self) {
        let backend = Self {
            answer: answer.into(),
            heard: Arc::default(),
        };
        let mut port = 0;
        let cluster = Cluster::with_nodes(|authority| {
            port = backend.listen(authority);
            Arc::new(Nodes {
                kubelets: Kubelets::new(trusting(authority)),
                backend: backend.clone(),
            })
        })
        .await;
        let mut admin = Client::connect(&cluster, Who::Certificate).await;
        let account = json!({"metadata": {"name": "default"}});
        let default = "/api/v1/namespaces/default";
        admin
            .post(&format!("{default}/serviceaccounts"), &account)
            .await;
        for (name, address, port) in [("node1", "127.0.0.1", port), ("node2", "10.0.0.2", 10250)] {
            let node = json!({"metadata": {"name": name}, "status": {
                "addresses": [{"type": "InternalIP", "address": address}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}});
            let made = admin.post("/api/v1/nodes", &node).await;
            assert_eq!(made.status, 201, "{}", made.message());
        }
        let pod = json!({"metadata": {"name": "a"}, "spec": {
            "nodeName": "node1", "containers": [{"name": "c", "image": "i"}]}});
        let made = admin.post(&format!("{default}/pods"), &pod).await;
        assert_eq!(made.status, 201, "{}", made.message());
        (cluster, backend)
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.heard.lock().len()
    }

    /// Whether any connection has brought these words.
    pub(super) fn has_heard(&self, words: &str) -> bool {
        let holds = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains(words);
        self.heard.lock().iter().any(holds)
    }

    /// Listens as the kubelet of this host; returns the port.
    fn listen(&self, authority: &Authority) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = TcpListener::from_std(listener).unwrap();
        let subject = Subject {
            name: "kubelet".into(),
            addresses: vec!["127.0.0.1".parse().unwrap()],
            ..Subject::default()
        };
        let proof = authority.issue(&subject, Purpose::Server, SystemTime::now());
        let proof = proof.unwrap();
        let tls = tls_config(&proof.certificate, &proof.key, authority.certificate()).unwrap();
        let backend = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (backend, tls) = (backend.clone(), TlsAcceptor::from(tls.clone()));
                tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        backend.serve(stream).await;
                    }
                });
            }
        });
        port
    }

    /// Answers the first request of a connection, and listens on to its end.
    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let place = {
            let mut heard = self.heard.lock();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let (mut chunk, mut answered) = ([0; 4096], false);
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            let is_whole = {
                let heard = &mut self.heard.lock()[place];
                heard.extend_from_slice(&chunk[..read]);
                heard.windows(4).any(|window| window == b"\r\n\r\n")
            };
            if is_whole && !answered {
                answered = true;
                stream.write_all(self.answer.as_bytes()).await.unwrap();
            }
        }
    }
}

fn trusting(authority: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
