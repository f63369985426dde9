//! A node that asks the API for its certificates, first by a bootstrap token and then by the certificate it has.

use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;
use navarch_auth::BootstrapToken;
use navarch_client::{Client, Https, SystemClock};
use navarch_node::certificates::{Exchangeable, Pair, Purpose, Rotation};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Identity, Place, exchanges, network_account};
use crate::leaves::Rotate;
use crate::remote;

pub(super) async fn identity(
    place: &Place<'_>,
    bootstrap: Option<BootstrapToken>,
) -> Result<Identity> {
    let mut tasks = JoinSet::new();
    let (servers, authority) = (&place.servers, &place.authority);
    std::fs::create_dir_all(place.layout.pki()).context("certificates")?;
    let token = place.arguments.token.as_deref();
    let (node, client) = match token.filter(|_| bootstrap.is_none()) {
        // It is known by the token, and needs no certificate for that.
        Some(token) => {
            let client = remote::by_token(servers, token, authority)?;
            (Client::new(Arc::new(Https::new(client))), None)
        }
        None => {
            let rotation = client_rotation(place, bootstrap);
            let asked = rotation.ensure(Timestamp::now()).await;
            asked.context("the node's certificate")?;
            let anonymous = remote::anonymous(servers, authority)?;
            let (sender, clients) = watch::channel(anonymous);
            let exchange = exchanges(servers, authority, sender);
            use_each(&mut tasks, &rotation, move |pair| {
                exchange(&pair.certificate, &pair.key)
            })?;
            let node = Client::new(Arc::new(Https::exchangeable(clients)));
            (node, Some(keep(&mut tasks, rotation)))
        }
    };
    let serving = Arc::new(Exchangeable::default());
    let rotation = serving_rotation(place, node.clone());
    let shown = serving.clone();
    use_each(&mut tasks, &rotation, move |pair| shown.set(pair))?;
    let served = keep(&mut tasks, rotation);
    let service_proxy = network_account::client(&mut tasks, place, node.clone());
    Ok(Identity {
        service_proxy,
        node,
        serving,
        rotate: rotating(client, served),
        tasks,
    })
}

fn client_rotation(place: &Place<'_>, bootstrap: Option<BootstrapToken>) -> Rotation {
    let (servers, authority) = (place.servers.clone(), place.authority.clone());
    let asking = move |held: Option<&Pair>| {
        let client = match (held, &bootstrap) {
            (Some(pair), _) => {
                remote::by_certificate(&servers, (&pair.certificate, &pair.key), &authority)
            }
            (None, Some(token)) => remote::by_token(&servers, &token.to_string(), &authority),
            (None, None) => {
                let why = "there is no certificate that holds and no token by which to ask for one: give --token";
                return Err(why.to_owned());
            }
        };
        let client = client.map_err(|error| format!("{error:#}"))?;
        Ok(Client::new(Arc::new(Https::new(client))))
    };
    let path = place.layout.client_certificate();
    Rotation::new(&place.name, Purpose::Client, path, Box::new(asking))
}

fn serving_rotation(place: &Place<'_>, node: Client) -> Rotation {
    let purpose = Purpose::Serving {
        names: vec![place.name.clone()],
        addresses: place.addresses.clone(),
    };
    let path = place.layout.serving_certificate();
    let asking = move |_: Option<&Pair>| Ok(node.clone());
    Rotation::new(&place.name, purpose, path, Box::new(asking))
}

/// Takes the certificate that there is into use, and each that follows.
fn use_each(
    tasks: &mut JoinSet<()>,
    rotation: &Rotation,
    in_use: impl Fn(&Pair) -> std::result::Result<(), String> + Send + 'static,
) -> Result<()> {
    let mut current = rotation.current();
    if let Some(pair) = &*current.borrow_and_update() {
        in_use(pair).map_err(anyhow::Error::msg)?;
    }
    tasks.spawn(async move {
        while current.changed().await.is_ok() {
            let pair = current.borrow_and_update().clone();
            if let Some(Err(error)) = pair.map(|pair| in_use(&pair)) {
                tracing::error!(error, "a certificate cannot be used");
            }
        }
    });
    Ok(())
}

fn keep(tasks: &mut JoinSet<()>, rotation: Rotation) -> Arc<Rotation> {
    let rotation = Arc::new(rotation);
    let kept = rotation.clone();
    tasks.spawn(async move { kept.keep(&SystemClock).await });
    rotation
}

fn rotating(client: Option<Arc<Rotation>>, serving: Arc<Rotation>) -> Rotate {
    Arc::new(move || {
        let (client, serving) = (client.clone(), serving.clone());
        Box::pin(async move {
            let mut renewed = Vec::new();
            if let Some(client) = client {
                client.renew(Timestamp::now()).await?;
                renewed.push("kubelet-client-current".to_owned());
            }
            serving.renew(Timestamp::now()).await?;
            renewed.push("kubelet-server-current".to_owned());
            Ok(renewed)
        })
    })
}
