//! A node that shares its directory with its server, and signs for itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use navarch_auth::leaves::{Leaf, Leaves};
use navarch_auth::pki::Pki;
use navarch_auth::{NODES, Purpose, SERVICE_PROXY, Subject, UserInfo};
use navarch_client::{Client, Https};
use navarch_node::certificates::Exchangeable;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Identity, Place, exchanges, issued_to};
use crate::leaves;
use crate::node_plane;
use crate::remote;

/// How long these certificates hold: a year.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn identity(place: &Place<'_>, pki: Arc<Pki>) -> Result<Identity> {
    let now = SystemTime::now();
    let servers = &place.servers;
    let leaves = Arc::new(Leaves::new(pki));
    let shown = |name: &str, user: &str, group: Option<&str>| -> Result<Client> {
        let anonymous = remote::anonymous(servers, &place.authority)?;
        let (sender, clients) = watch::channel(anonymous);
        let leaf = Leaf {
            name: name.to_owned(),
            subject: Subject {
                name: user.to_owned(),
                group: group.map(str::to_owned),
                ..Subject::default()
            },
            purpose: Purpose::Client,
            in_use: issued_to(exchanges(servers, &place.authority, sender)),
        };
        leaves.add(leaf, now)?;
        Ok(Client::new(Arc::new(Https::exchangeable(clients))))
    };
    let node = match &place.arguments.token {
        Some(token) => {
            let client = remote::by_token(servers, token, &place.authority)?;
            Client::new(Arc::new(Https::new(client)))
        }
        None => {
            let user = UserInfo::node(&place.name).name;
            shown(&format!("node-{}", place.name), &user, Some(NODES))?
        }
    };
    let service_proxy = shown("kube-proxy", SERVICE_PROXY, None)?;
    let serving = Arc::new(Exchangeable::default());
    let leaf = node_plane::leaf(&place.name, place.addresses.now(), serving.clone());
    leaves.add(leaf, now)?;
    let mut tasks = JoinSet::new();
    let (of_node, addresses) = (place.name.clone(), place.addresses.clone());
    tasks.spawn(leaves::rename(leaves.clone(), addresses, move |now| {
        node_plane::subject(&of_node, now)
    }));
    tasks.spawn(leaves::keep(leaves.clone(), LIFE));
    Ok(Identity {
        node,
        service_proxy,
        serving,
        rotate: leaves::rotating(leaves),
        tasks,
    })
}
