//! A connection to an API server: by kubeconfig, certificate or token.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use kube::config::{KubeConfigOptions, Kubeconfig};
use navarch_auth::Issued;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// A client by a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let read = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("kubeconfig {}", kubeconfig.display()))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// A client by a certificate. `authority`: the certificate, in PEM, that the server's is signed with.
pub(crate) fn by_certificate(
    server: &str,
    proof: &Issued,
    authority: &str,
) -> Result<kube::Client> {
    let mut config = config(server, authority)?;
    let base64 = base64::engine::general_purpose::STANDARD;
    config.auth_info.client_certificate_data = Some(base64.encode(&proof.certificate));
    config.auth_info.client_key_data = Some(base64.encode(&proof.key).into());
    Ok(kube::Client::try_from(config)?)
}

/// The same by a token.
pub(crate) fn by_token(server: &str, token: &str, authority: &str) -> Result<kube::Client> {
    let mut config = config(server, authority)?;
    config.auth_info.token = Some(token.to_owned().into());
    Ok(kube::Client::try_from(config)?)
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
