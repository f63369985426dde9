//! A connection to an API server by kubeconfig or token.

use std::path::Path;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};

/// A client by a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let read = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("kubeconfig {}", kubeconfig.display()))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// A client by a bearer token. `authority`: the certificate, in PEM, that the server's is signed with.
pub(crate) fn by_token(server: &str, token: &str, authority: &str) -> Result<kube::Client> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let url = server
        .parse()
        .with_context(|| format!("--server {server}"))?;
    let mut config = kube::Config::new(url);
    let certificates =
        CertificateDer::pem_slice_iter(authority.as_bytes()).map(|der| der.map(|der| der.to_vec()));
    config.root_cert = Some(certificates.collect::<Result<_, _>>()?);
    config.auth_info.token = Some(token.to_owned().into());
    Ok(kube::Client::try_from(config)?)
}
