//! The way to the server: nothing is asked twice, and nothing said of who asks but by the request itself.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};

/// What is sent.
pub(crate) type Body = Full<Bytes>;

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;

/// A server, and an administrator's token for it.
#[derive(Clone)]
pub(crate) struct Server {
    /// `https://HOST:PORT`.
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) connections: Client<Connector, Body>,
}

impl Server {
    /// The server of a kubeconfig. Only its address and its authority are used.
    pub(crate) async fn of(kubeconfig: &str, token: &str) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let mut config =
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .unwrap();
        config.auth_info = AuthInfo::default();
        let connector = config.rustls_https_connector().unwrap();
        Self {
            url: config
                .cluster_url
                .to_string()
                .trim_end_matches('/')
                .to_owned(),
            token: token.to_owned(),
            connections: Client::builder(TokioExecutor::new()).build(connector),
        }
    }
}
