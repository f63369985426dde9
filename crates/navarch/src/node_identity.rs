//! Who a node is that runs apart from its server: what it shows to the API, and what it serves with.

mod joined;
mod local;
mod network_account;

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use navarch_auth::inspection::pin;
use navarch_auth::pki::{self, Pki};
use navarch_auth::{BootstrapToken, Issued};
use navarch_client::{Client, Servers};
use navarch_node::Addresses;
use navarch_node::certificates::Exchangeable;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::Agent;
use crate::layout::Layout;
use crate::leaves::{self, Rotate};
use crate::pinning;
use crate::remote;

/// How a node is known, kept fresh while this is there.
pub(crate) struct Identity {
    /// The API, as this node.
    pub(crate) node: Client,
    /// The API, as its part that sends traffic to services.
    pub(crate) service_proxy: Client,
    /// What it serves with; nothing until that is signed.
    pub(crate) serving: Arc<Exchangeable>,
    /// Renews all of it.
    rotate: Rotate,
    tasks: JoinSet<()>,
}

/// Where a node is, and whom it believes.
pub(crate) struct Place<'a> {
    /// The directory.
    pub(crate) layout: &'a Layout,
    /// Its command line.
    pub(crate) arguments: &'a Agent,
    /// Its name.
    pub(crate) name: String,
    /// Its addresses.
    pub(crate) addresses: Addresses,
    /// The API.
    pub(crate) servers: Servers,
    /// The certificate of the API's authority, in PEM.
    pub(crate) authority: String,
}

impl Identity {
    /// By certificates that the key in this directory signs, if that is here and nothing else is asked for; by those that the API
    /// gives otherwise.
    pub(crate) async fn of(place: &Place<'_>) -> Result<Self> {
        let token = place.arguments.token.as_deref();
        let joins = token.and_then(BootstrapToken::parse);
        if joins.is_none() && has_key(place.layout) {
            let pki = Pki::open(&place.layout.pki(), "", SystemTime::now())?;
            local::identity(place, Arc::new(pki))
        } else {
            joined::identity(place, joins).await
        }
    }

    /// Renews all of it when `navarch certs rotate` asks. The data directory must have been claimed: its socket is taken.
    pub(crate) fn listen(&mut self, layout: &Layout) {
        let (socket, rotate) = (layout.agent_socket(), self.rotate.clone());
        self.tasks.spawn(async move {
            if let Err(error) = leaves::serve(socket, rotate).await {
                tracing::error!(%error, "`navarch certs rotate` cannot reach this process");
            }
        });
    }

    /// Renews nothing any more.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn has_key(layout: &Layout) -> bool {
    layout.pki().join("ca.key").exists()
}

/// Whom the node believes to be the API: the authority that is given, or is in its directory, or that has the digest that is given;
/// that one is kept.
pub(crate) async fn authority(layout: &Layout, arguments: &Agent) -> Result<String> {
    let kept = layout.pki().join("ca.crt");
    let given = arguments.certificate_authority.as_ref();
    let path = given.unwrap_or(&kept);
    let wanted = arguments.ca_cert_hash.as_deref();
    if given.is_some() || kept.exists() {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let is = pin(&text).with_context(|| format!("{} is no certificate", path.display()))?;
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&is)) {
            let path = path.display();
            bail!("--ca-cert-hash: {path} has another, {is}: is it that of another cluster?");
        }
        return Ok(text);
    }
    let Some(wanted) = wanted else {
        bail!(
            "there is nothing to know the API by: {} is not there; give --ca-cert-hash (`navarch token create --print-join-command` tells it) or --certificate-authority",
            kept.display()
        );
    };
    let text = pinning::authority_of_any(&arguments.server, wanted).await?;
    std::fs::create_dir_all(layout.pki()).context("certificates")?;
    pki::write(&kept, &text, 0o644)?;
    Ok(text)
}

/// Has the clients of a channel exchanged when there is a new certificate.
fn exchanges(
    servers: &Servers,
    authority: &str,
    clients: watch::Sender<kube::Client>,
) -> impl Fn(&str, &str) -> std::result::Result<(), String> + Send + use<> {
    let (servers, authority) = (servers.clone(), authority.to_owned());
    move |certificate, key| {
        let client = remote::by_certificate(&servers, (certificate, key), &authority);
        clients.send_replace(client.map_err(|error| format!("{error:#}"))?);
        Ok(())
    }
}

fn issued_to(
    exchange: impl Fn(&str, &str) -> std::result::Result<(), String> + Send + 'static,
) -> navarch_auth::leaves::InUse {
    Box::new(move |issued: &Issued| exchange(&issued.certificate, &issued.key))
}
