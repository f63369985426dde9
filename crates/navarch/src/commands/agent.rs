//! `navarch agent`: a node that belongs to a control plane elsewhere.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use navarch_auth::pki::Pki;
use navarch_auth::{NODES, Subject, UserInfo};
use navarch_client::{Client, Https};

use super::demo;
use crate::checks::{self, Ranges, node_name};
use crate::cli::Agent;
use crate::layout::Layout;
use crate::node_plane::{Clients, NodePlane, SERVICE_PROXY, must_be_root};
use crate::progress::Progress;
use crate::remote;
use crate::signals::Stop;

pub(super) async fn run(arguments: Agent) -> Result<()> {
    must_be_root("a node needs root: it makes namespaces, mounts and control groups")?;
    let progress = Progress::start();
    let layout = Layout::open(&arguments.data.data_dir)?;
    // Until nodes can ask for certificates, an agent shares the directory with its server, which signs the node's.
    if !layout.pki().join("ca.key").exists() {
        bail!(
            "{} holds no authority: give the agent the data directory of its server (joining from another host is not possible yet)",
            layout.pki().display()
        );
    }
    let ranges = Ranges::parse(&arguments.cluster_cidr, &arguments.service_cidr)?;
    checks::node(&layout, &arguments.node, &ranges)?;
    let pki = Pki::open(&layout.pki(), "", SystemTime::now())?;
    let authority = match &arguments.certificate_authority {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("--certificate-authority {}", path.display()))?,
        None => pki.authority.certificate().to_owned(),
    };
    let name = node_name(&arguments.node)?;
    let client = |certificate: &str, user: &str, group: Option<&str>| -> Result<Client> {
        let subject = Subject {
            name: user.to_owned(),
            group: group.map(str::to_owned),
            ..Subject::default()
        };
        let proof = pki.client(certificate, &subject, SystemTime::now())?;
        let client = remote::by_certificate(&arguments.server, &proof, &authority)?;
        Ok(Client::new(Arc::new(Https::new(client))))
    };
    let node = match &arguments.token {
        Some(token) => {
            let client = remote::by_token(&arguments.server, token, &authority)?;
            Client::new(Arc::new(Https::new(client)))
        }
        None => {
            let user = UserInfo::node(&name).name;
            client(&format!("node-{name}"), &user, Some(NODES))?
        }
    };
    let clients = Clients {
        node,
        service_proxy: client("kube-proxy", SERVICE_PROXY, None)?,
    };
    let own = clients.node.clone();
    let address = way_to(&arguments.server)?;
    let step = |what: &str| progress.done(what);
    let node = NodePlane::start(
        &layout,
        &arguments.node,
        &ranges,
        address,
        clients,
        &pki,
        step,
    )
    .await?;
    demo::node_ready(&own, &node.name).await?;
    let mut stop = Stop::listen()?;
    progress.done("node ready");
    stop.asked().await;
    println!("stopping; the containers run on (`navarch down` stops them)");
    stop.unless_asked_again(node.stop()).await
}

/// The address of this host from which the server is reached.
fn way_to(server: &str) -> Result<IpAddr> {
    let url: http::Uri = server
        .parse()
        .with_context(|| format!("--server {server}"))?;
    let host = url.host().unwrap_or("").trim_matches(['[', ']']);
    let port = url.port_u16().unwrap_or(443);
    let any = if host.contains(':') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(any)?;
    // A datagram socket sends nothing when it connects; it only looks up the route.
    socket
        .connect((host, port))
        .with_context(|| format!("--server {server}"))?;
    Ok(socket.local_addr()?.ip())
}
