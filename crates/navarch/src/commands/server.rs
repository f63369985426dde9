//! `navarch server`: the control plane, or parts of it.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use navarch_auth::UserInfo;
use navarch_auth::pki::Pki;
use navarch_client::{Client, Https};

use crate::checks;
use crate::cli::{Component, Server};
use crate::control_plane::{ControlPlane, ISSUER, token_keys};
use crate::layout::Layout;
use crate::parts::{self, Parts};
use crate::progress::Progress;
use crate::remote;
use crate::signals::Stop;

pub(super) async fn run(arguments: Server) -> Result<()> {
    let progress = Progress::start();
    let layout = Layout::open(&arguments.data.data_dir)?;
    let has = |component| arguments.components.contains(&component);
    let wanted = Parts {
        scheduler: has(Component::Scheduler),
        controllers: has(Component::Controllers),
    };
    if !has(Component::Api) {
        return without_api(&arguments, wanted, &layout, &progress).await;
    }
    checks::control_plane(&layout, &arguments.api)?;
    let plane = ControlPlane::start(&layout, &arguments.api, |step| progress.done(step)).await?;
    let mut stop = Stop::listen()?;
    let api = plane.api.clone();
    let client = move |user| Client::new(api.as_user(user));
    let authority = plane.pki.authority.certificate();
    let keys = parts::Keys {
        authority: Some(plane.pki.clone()),
        tokens: Some(plane.token_keys.clone()),
    };
    let options = parts::options(&arguments.api, authority, keys)?;
    let running = parts::start(wanted, client, options, &layout.identity());
    progress.done("ready; the administrator's kubeconfig is");
    println!("             {}", layout.kubeconfig().display());
    let stopped = stop.asked_or(plane.failed()).await;
    let stopping = async {
        running.stop().await;
        plane.stop().await;
    };
    stop.unless_asked_again(stopping).await.and(stopped)
}

/// Scheduler and controllers apart from the API: they reach it by the administrator's kubeconfig, and speak as themselves all the
/// same.
async fn without_api(
    arguments: &Server,
    wanted: Parts,
    layout: &Layout,
    progress: &Progress,
) -> Result<()> {
    if !wanted.scheduler && !wanted.controllers {
        bail!("--components: name at least one of api, scheduler, controllers");
    }
    let path = arguments
        .api
        .kubeconfig
        .clone()
        .unwrap_or_else(|| layout.kubeconfig());
    let (client, follow) = remote::follow(&path).await?;
    let ca = layout.pki().join("ca.crt");
    let authority = std::fs::read_to_string(&ca)
        .with_context(|| format!("the authority's certificate, {}", ca.display()))?;
    // Only where the authority's key is can anything be signed, and no other key must be made.
    let keys = match layout.pki().join("ca.key").exists() {
        true => {
            let pki =
                Pki::open(&layout.pki(), ISSUER, SystemTime::now()).context("certificates")?;
            parts::Keys {
                tokens: Some(Arc::new(token_keys(&pki, &arguments.api)?)),
                authority: Some(Arc::new(pki)),
            }
        }
        false => parts::Keys::default(),
    };
    let mut options = parts::options(&arguments.api, &authority, keys)?;
    // Where the API is cannot be seen from this command line.
    for host in remote::hosts(&path)? {
        match host.parse() {
            Ok(address) => options.reserved.addresses.push(address),
            Err(_) => options.reserved.names.push(host),
        }
    }
    let identity = layout
        .identity_apart()
        .context("a random number for the holder of leases")?;
    let running = parts::start(
        wanted,
        move |user: UserInfo| {
            let https = Https::acting_as(client.clone(), &user.name, &user.groups);
            Client::new(Arc::new(https))
        },
        options,
        &identity,
    );
    let mut stop = Stop::listen()?;
    progress.done("ready");
    tokio::select! {
        () = stop.asked() => {}
        () = follow => {}
    }
    stop.unless_asked_again(running.stop()).await
}
