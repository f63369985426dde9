//! A connection to an API server: by kubeconfig, certificate or token.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use kube::config::{KubeConfigOptions, Kubeconfig};
use navarch_client::Servers;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::watch;

/// A client by a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let read = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("kubeconfig {}", kubeconfig.display()))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// The names and addresses by which a kubeconfig calls servers.
pub(crate) fn hosts(kubeconfig: &Path) -> Result<Vec<String>> {
    let read = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("kubeconfig {}", kubeconfig.display()))?;
    let clusters = read.clusters.iter().filter_map(|it| it.cluster.as_ref());
    let servers = clusters.filter_map(|cluster| cluster.server.as_deref());
    let urls = servers.filter_map(|server| server.parse::<http::Uri>().ok());
    let hosts = urls.filter_map(|url| {
        let host = url.host()?;
        Some(host.trim_matches(['[', ']']).to_owned())
    });
    Ok(hosts.collect())
}

/// How often it is looked whether a kubeconfig has changed.
const LOOK: Duration = Duration::from_secs(1);

/// A client by a kubeconfig, and what makes another when the file has changed, as it does when its certificate was renewed. That never
/// ends.
pub(crate) async fn follow(
    kubeconfig: &Path,
) -> Result<(
    watch::Receiver<kube::Client>,
    impl Future<Output = ()> + use<>,
)> {
    let mut known = std::fs::read(kubeconfig).unwrap_or_default();
    let (sender, receiver) = watch::channel(client(kubeconfig).await?);
    let path = kubeconfig.to_owned();
    let following = async move {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            match tokio::fs::read(&path).await {
                Ok(text) if text != known => match client(&path).await {
                    Ok(client) => {
                        sender.send_replace(client);
                        known = text;
                    }
                    Err(error) => tracing::warn!(%error, "the kubeconfig has changed"),
                },
                _ => {}
            }
        }
    };
    Ok((receiver, following))
}

/// A client that shows nothing, until it is exchanged.
pub(crate) fn anonymous(servers: &Servers, authority: &str) -> Result<kube::Client> {
    let authority = authority.to_owned();
    servers.client(move |server| Ok(kube::Client::try_from(config(server, &authority)?)?))
}

/// A client by a certificate. `authority`: the certificate, in PEM, that the server's is signed with.
pub(crate) fn by_certificate(
    servers: &Servers,
    (certificate, key): (&str, &str),
    authority: &str,
) -> Result<kube::Client> {
    let base64 = base64::engine::general_purpose::STANDARD;
    let (certificate, key) = (base64.encode(certificate), base64.encode(key));
    let authority = authority.to_owned();
    servers.client(move |server| {
        let mut config = config(server, &authority)?;
        config.auth_info.client_certificate_data = Some(certificate.clone());
        config.auth_info.client_key_data = Some(key.clone().into());
        Ok(kube::Client::try_from(config)?)
    })
}

/// The same by a token.
pub(crate) fn by_token(servers: &Servers, token: &str, authority: &str) -> Result<kube::Client> {
    let (token, authority) = (token.to_owned(), authority.to_owned());
    servers.client(move |server| {
        let mut config = config(server, &authority)?;
        config.auth_info.token = Some(token.clone().into());
        Ok(kube::Client::try_from(config)?)
    })
}

fn config(server: &str, authority: &str) -> Result<kube::Config> {
    let url = server
        .parse()
        .with_context(|| format!("--server {server}"))?;
    let mut config = kube::Config::new(url);
    let certificates =
        CertificateDer::pem_slice_iter(authority.as_bytes()).map(|der| der.map(|der| der.to_vec()));
    config.root_cert = Some(certificates.collect::<Result<_, _>>()?);
    Ok(config)
}
