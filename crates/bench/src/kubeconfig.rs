//! Where the endpoint is and who we are to it, out of a kubeconfig.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use navarch_machinery::yaml;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

/// An endpoint.
pub(crate) struct Target {
    /// `https://host:port`.
    pub(crate) server: Uri,
    /// Whom to trust, and our certificate if we have one. Speaks HTTP/2 only.
    pub(crate) tls: Arc<ClientConfig>,
    /// The value of the header Authorization.
    pub(crate) authorization: Option<String>,
}

impl Target {
    /// Reads the current context of a kubeconfig.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        let directory = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, directory).with_context(|| path.display().to_string())
    }

    fn parse(text: &[u8], directory: &Path) -> Result<Self> {
        let config: Value = serde_json::from_slice(&yaml::to_json(text)?)?;
        let context = named(
            &config,
            "contexts",
            "context",
            config["current-context"].as_str(),
        )?;
        let cluster = named(&config, "clusters", "cluster", context["cluster"].as_str())?;
        let user = named(&config, "users", "user", context["user"].as_str())?;

        let server: Uri = cluster["server"]
            .as_str()
            .context("the cluster has no server")?
            .parse()?;
        if server.scheme_str() != Some("https") || server.authority().is_none() {
            bail!("{server} is no https URL");
        }
        let authority = bytes(cluster, "certificate-authority", directory)?
            .context("the cluster has no certificate-authority")?;
        let token = match user["token"].as_str() {
            Some(token) => Some(token.to_owned()),
            None => user["tokenFile"]
                .as_str()
                .map(|file| std::fs::read_to_string(directory.join(file)))
                .transpose()?,
        };
        let certificate = bytes(user, "client-certificate", directory)?.zip(bytes(
            user,
            "client-key",
            directory,
        )?);
        if token.is_none() && certificate.is_none() {
            bail!(
                "the user has neither a client certificate nor a token; programs that fetch one are not run"
            );
        }
        Ok(Self {
            server,
            tls: Arc::new(tls(&authority, certificate.as_ref())?),
            authorization: token.map(|token| format!("Bearer {}", token.trim())),
        })
    }
}

/// The entry of a list that has this name.
fn named<'a>(config: &'a Value, list: &str, what: &str, name: Option<&str>) -> Result<&'a Value> {
    let name = name.ok_or_else(|| anyhow!("no {what} is named"))?;
    let entries = config[list].as_array().map_or(&[][..], Vec::as_slice);
    let entry = entries
        .iter()
        .find(|entry| entry["name"].as_str() == Some(name));
    entry
        .map(|entry| &entry[what])
        .ok_or_else(|| anyhow!("no {what} has the name {name:?}"))
}

/// `KEY-data`, or what is in the file that `KEY` names.
fn bytes(entry: &Value, key: &str, directory: &Path) -> Result<Option<Vec<u8>>> {
    if let Some(data) = entry[format!("{key}-data")].as_str() {
        return STANDARD
            .decode(data)
            .map(Some)
            .with_context(|| format!("{key}-data"));
    }
    let file = entry[key].as_str().map(|file| directory.join(file));
    file.map(|file| std::fs::read(&file).with_context(|| file.display().to_string()))
        .transpose()
}

fn tls(authority: &[u8], certificate: Option<&(Vec<u8>, Vec<u8>)>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authority) {
        roots.add(authority?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key)?)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of nobody: the one that `openssl req -x509` makes.
    const AUTHORITY: &str = include_str!("../tests/fixtures/ca.crt");

    fn config(user: &str) -> String {
        let authority = STANDARD.encode(AUTHORITY);
        format!(
            "current-context: b\ncontexts:\n- {{name: a, context: {{cluster: x, user: x}}}}\n- {{name: b, context: {{cluster: c, user: u}}}}\n\
             clusters:\n- name: c\n  cluster: {{server: 'https://127.0.0.1:6443', certificate-authority-data: {authority}}}\n\
             users:\n- name: u\n  user: {user}\n"
        )
    }

    #[test]
    fn the_current_context_is_followed() {
        let target = Target::parse(config("{token: abc}").as_bytes(), Path::new("")).unwrap();
        assert_eq!(target.server, "https://127.0.0.1:6443/");
        assert_eq!(target.authorization.as_deref(), Some("Bearer abc"));
    }

    #[test]
    fn files_are_looked_for_beside_the_kubeconfig() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), "from-file\n").unwrap();
        std::fs::write(directory.path().join("ca.crt"), AUTHORITY).unwrap();
        let text = config("{tokenFile: token}").replace(
            "certificate-authority-data: ",
            "certificate-authority: ca.crt, x: ",
        );
        let target = Target::parse(text.as_bytes(), directory.path()).unwrap();
        assert_eq!(target.authorization.as_deref(), Some("Bearer from-file"));
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let error = |text: &str| {
            format!(
                "{:#}",
                Target::parse(text.as_bytes(), Path::new("")).err().unwrap()
            )
        };
        assert!(
            error(&config("{exec: {command: x}}"))
                .contains("neither a client certificate nor a token")
        );
        assert!(
            error(&config("{token: a}").replace("current-context: b", "current-context: z"))
                .contains("\"z\"")
        );
        assert!(
            error(&config("{token: a}").replace("https://", "http://")).contains("no https URL")
        );
    }
}
