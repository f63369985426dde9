//! `navarch up`: a whole cluster in this process.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use navarch_auth::{MASTERS, SERVICE_PROXY, UserInfo};
use navarch_client::Client;
use navarch_node::certificates::Exchangeable;

use super::demo;
use crate::checks::{self, ClusterRanges, node_name};
use crate::cli::Up;
use crate::control_plane::{ControlPlane, advertised};
use crate::layout::Layout;
use crate::node_plane::{self, Clients, NodePlane, must_be_root};
use crate::parts::{self, Parts};
use crate::progress::Progress;
use crate::signals::Stop;

pub(super) async fn run(arguments: Up) -> Result<()> {
    must_be_root(
        "a node needs root: it makes namespaces, mounts and control groups (`navarch server`, a control plane alone, does not)",
    )?;
    let progress = Progress::start();
    let layout = Layout::open(&arguments.data.data_dir)?;
    checks::control_plane(&layout, &arguments.api)?;
    let ranges = ClusterRanges::parse(&arguments.api.cluster_cidr, &arguments.api.service_cidr)?;
    checks::node(&layout, &arguments.node, &ranges)?;
    let step = |what: &str| progress.done(what);
    let plane = ControlPlane::start(&layout, &arguments.api, step).await?;
    let mut stop = Stop::listen()?;
    let authority = plane.pki.authority.certificate();
    let keys = parts::Keys {
        authority: Some(plane.pki.clone()),
        tokens: Some(plane.token_keys.clone()),
    };
    let options = parts::options(&arguments.api, authority, keys)?;
    let everything = Parts {
        scheduler: true,
        controllers: true,
    };
    let api = plane.api.clone();
    let client = move |user| Client::new(api.as_user(user));
    let running = parts::start(everything, client, options, &layout.identity());
    let mut addresses = arguments.node.node_ip.clone();
    if addresses.is_empty() {
        addresses.push(advertised(plane.address.ip()));
    }
    let own = plane.client(UserInfo::authenticated("navarch", [MASTERS.to_owned()]));
    let ready = Box::pin(async {
        let (node, name) = (&arguments.node, node_name(&arguments.node)?);
        let clients = Clients {
            node: plane.client(UserInfo::node(&name)),
            service_proxy: plane.client(UserInfo::authenticated(SERVICE_PROXY, [])),
        };
        let shown = Arc::new(Exchangeable::default());
        let leaf = node_plane::leaf(&name, addresses.clone(), shown.clone());
        plane.leaves.add(leaf, SystemTime::now())?;
        let tls = node_plane::serving(authority, shown)?;
        let mut node =
            NodePlane::start(&layout, node, &ranges, addresses.into(), clients, tls, step).await?;
        demo::node_ready(&own, &node.name).await?;
        if let Some(gateway) = node.gateway().await {
            plane.serve_pods(gateway).await?;
            node.services_served().await;
        }
        anyhow::Ok(node)
    });
    let node = tokio::select! {
        node = ready => node,
        stopped = stop.asked_or(plane.failed()) => stopped.and(Err(anyhow!("stopped before the node was ready"))),
    };
    let node = match node {
        Ok(node) => node,
        Err(error) => {
            running.stop().await;
            return Err(error);
        }
    };
    progress.done("node ready");
    let mut ended = if arguments.demo {
        let demo = Box::pin(demo::deploy(&own, &node.images, step));
        tokio::select! {
            deployed = demo => deployed,
            stopped = stop.asked_or(plane.failed()) => stopped.and(Err(anyhow!("stopped before the demo was up"))),
        }
    } else {
        Ok(())
    };
    if ended.is_ok() {
        next_commands(&layout, arguments.demo);
        ended = stop.asked_or(plane.failed()).await;
        println!("stopping; the containers run on (`navarch down` stops them)");
    }
    let stopping = async {
        running.stop().await;
        // Waits for the node's last events, and so long for those of the others.
        node.stop().await;
        plane.stop().await;
    };
    stop.unless_asked_again(Box::pin(stopping)).await.and(ended)
}

fn next_commands(layout: &Layout, demo: bool) {
    println!("\nThe cluster runs until you press Ctrl-C. In another terminal:\n");
    println!("  export KUBECONFIG={}", layout.kubeconfig().display());
    if demo {
        println!("  kubectl get pods -o wide");
        println!("  kubectl scale deployment hello --replicas 5");
        println!("  kubectl logs deployment/hello");
    } else {
        println!("  kubectl get nodes");
        println!("  navarch image import FILE.tar");
    }
    println!();
}
