//! Who may ask a node: by TLS, with an API that answers the node's questions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewStatus, UserInfo};
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewStatus};
use navarch_api::call::{Answer, Body, Call, Endpoint, WatchStream};
use navarch_client::Client;
use navarch_machinery::status::{Result, StatusError};
use navarch_node::certificates::{Exchangeable, Pair};
use navarch_node::server::{ServeOptions, Server};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::api::Api;
use crate::cluster::Cluster;

/// The API, which knows whose tokens are and who may do what with this node.
struct Judge {
    api: Arc<Api>,
    /// Users by token.
    tokens: HashMap<&'static str, &'static str>,
    /// `USER VERB SUBRESOURCE`.
    allowed: Vec<&'static str>,
    /// What was asked: of tokens, and of permissions.
    asked: [AtomicUsize; 2],
    is_away: AtomicBool,
}

#[async_trait]
impl Endpoint for Judge {
    async fn call(&self, call: Call) -> Result<Answer> {
        let Body::Object(object) = &call.body else {
            return self.api.call(call).await;
        };
        if let Some(review) = object.as_any().downcast_ref::<TokenReview>() {
            self.asked[0].fetch_add(1, Ordering::SeqCst);
            let mut review = review.clone();
            let user = self.tokens.get(&*review.spec.token);
            review.status = Some(TokenReviewStatus {
                authenticated: Some(user.is_some()),
                user: user.map(|&name| UserInfo {
                    username: Some(name.to_owned()),
                    groups: Some(vec!["system:authenticated".to_owned()]),
                    ..Default::default()
                }),
                ..Default::default()
            });
            return Ok(Answer::Object(Arc::new(review)));
        }
        let Some(review) = object.as_any().downcast_ref::<SubjectAccessReview>() else {
            return self.api.call(call).await;
        };
        self.asked[1].fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StatusError::unavailable("away"));
        }
        let mut review = review.clone();
        let wanted = review.spec.resource_attributes.clone().unwrap();
        assert_eq!(wanted.resource.as_deref(), Some("nodes"));
        assert_eq!(wanted.name.as_deref(), Some("n1"));
        let groups = review.spec.groups.clone().unwrap();
        assert!(groups.contains(&"system:authenticated".to_owned()));
        let told = [&review.spec.user, &wanted.verb, &wanted.subresource];
        let told: Vec<&str> = told.map(|it| it.as_deref().unwrap_or_default()).into();
        review.status = Some(SubjectAccessReviewStatus {
            allowed: self.allowed.contains(&&*told.join(" ")),
            ..Default::default()
        });
        Ok(Answer::Object(Arc::new(review)))
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.api.watch(call).await
    }
}

/// Who signs for the node and its clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

type Proof = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self {
            issuer,
            certificate,
        }
    }

    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Pair {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn proof(&self, name: &str) -> Proof {
        let pair = self.issue(name, ExtendedKeyUsagePurpose::ClientAuth);
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        (vec![certificate], key)
    }
}

/// A node whose API is served, and a client's way to it.
struct Node {
    judge: Arc<Judge>,
    authority: Authority,
    port: u16,
    _agent: navarch_node::Agent,
    _cluster: Cluster,
}

/// Who asks.
enum Who {
    Nobody,
    Certificate(&'static str),
    Token(&'static str),
}

impl Node {
    async fn start(tokens: &[(&'static str, &'static str)], allowed: &[&'static str]) -> Self {
        let mut cluster = Cluster::new();
        let judge = Arc::new(Judge {
            api: cluster.api.clone(),
            tokens: tokens.iter().copied().collect(),
            allowed: allowed.to_vec(),
            asked: Default::default(),
            is_away: AtomicBool::new(false),
        });
        cluster.client = Client::new(judge.clone());
        let agent = cluster.agent().await;
        let authority = Authority::new();
        let certificate = Arc::new(Exchangeable::default());
        let pair = authority.issue("n1", ExtendedKeyUsagePurpose::ServerAuth);
        certificate.set(&pair).unwrap();
        let options = ServeOptions {
            certificate,
            client_authorities: vec![authority.certificate.clone()],
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server::new(options, agent.api()).unwrap();
        tokio::spawn(async move { server.serve(&[listener]).await });
        Self {
            judge,
            authority,
            port,
            _agent: agent,
            _cluster: cluster,
        }
    }

    fn asked(&self) -> [usize; 2] {
        let [tokens, permissions] = &self.judge.asked;
        [tokens, permissions].map(|count| count.load(Ordering::SeqCst))
    }

    async fn ask(&self, who: Who, method: &str, path: &str) -> (u16, String) {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match who {
            Who::Certificate(name) => {
                let (chain, key) = self.authority.proof(name);
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            _ => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "n1");
        if let Who::Token(token) = who {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&text).into_owned())
    }
}

#[tokio::test]
async fn nobody_asks_a_node_without_a_proof() {
    let node = Node::start(&[], &[]).await;
    for path in ["/pods", "/healthz", "/exec/default/a/c", "/no/such/path"] {
        let refused = (401, "Unauthorized".to_owned());
        assert_eq!(node.ask(Who::Nobody, "GET", path).await, refused, "{path}");
        let refused_too = node.ask(Who::Token("none"), "GET", path).await;
        assert_eq!(refused_too, refused, "{path}");
    }
    assert_eq!(node.asked(), [4, 0]);
}

#[tokio::test]
async fn who_may_what_is_the_api_servers_to_say() {
    let allowed = [
        "metrics get metrics",
        "pods get pods",
        "proxy get proxy",
        "all create proxy",
    ];
    let node = Node::start(&[("t", "pods")], &allowed).await;
    let forbidden = |user: &str, verb: &str, subresources: &str| {
        (
            403,
            format!(
                "Forbidden (user={user}, verb={verb}, resource=nodes, subresource(s)=[{subresources}])\n"
            ),
        )
    };
    use Who::{Certificate, Token};
    assert_eq!(node.ask(Token("t"), "GET", "/pods").await.0, 200);
    assert_eq!(
        node.ask(Token("t"), "GET", "/metrics").await,
        forbidden("pods", "get", "metrics")
    );
    assert_eq!(
        node.ask(Certificate("metrics"), "GET", "/metrics").await.0,
        200
    );
    assert_eq!(
        node.ask(Certificate("metrics"), "GET", "/pods").await,
        forbidden("metrics", "get", "pods proxy")
    );
    // By the coarse permission, too; but not to act, which a WebSocket asks for with GET.
    assert_eq!(node.ask(Certificate("proxy"), "GET", "/pods").await.0, 200);
    for path in [
        "/exec/default/a/c?command=id&output=1",
        "//exec/default/a/c",
    ] {
        let refused = forbidden("proxy", "create", "proxy");
        assert_eq!(
            node.ask(Certificate("proxy"), "GET", path).await,
            refused,
            "{path}"
        );
    }
    let (status, _) = node
        .ask(Certificate("all"), "GET", "/exec/default/a/c?output=1")
        .await;
    assert_eq!(status, 404, "it is let through to where there is no pod");
}

#[tokio::test]
async fn what_the_api_server_said_is_remembered_and_its_absence_is_not() {
    let node = Node::start(&[("t", "u")], &["u get metrics"]).await;
    for _ in 0..3 {
        assert_eq!(node.ask(Who::Token("t"), "GET", "/metrics").await.0, 200);
        assert_eq!(
            node.ask(Who::Token("t"), "GET", "/stats/summary").await.0,
            403
        );
    }
    assert_eq!(node.asked(), [1, 2]);
    node.judge.is_away.store(true, Ordering::SeqCst);
    assert_eq!(node.ask(Who::Token("t"), "GET", "/metrics").await.0, 200);
    let failed =
        "Authorization error (user=u, verb=get, resource=nodes, subresource=healthz)".to_owned();
    for _ in 0..2 {
        let told = node.ask(Who::Token("t"), "GET", "/healthz").await;
        assert_eq!(told, (500, failed.clone()));
    }
    assert_eq!(node.asked(), [1, 4]);
}
