//! The certificates of this process: renewed while it runs, and when `navarch certs rotate` asks for it over a socket.

use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use navarch_auth::leaves::Leaves;
use navarch_auth::{Issued, Subject};
use navarch_node::Addresses;
use navarch_node::certificates::{Exchangeable, Pair};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};

use crate::control::{ASKING, receive, send};

/// How often it is looked whether a certificate is to be renewed: so many times in its life, within these bounds.
const LOOKS: u32 = 50;
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(600));

/// How long is waited when nobody can be accepted, as where there are too many open files.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The certificate that a node serves with, where it has the authority's key at hand.
pub(crate) const SERVING: &str = "kubelet";

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Renew all certificates now.
    Rotate,
}

/// The names of those that were renewed, or what went wrong.
type Reply = std::result::Result<Vec<String>, String>;

/// Renews a process' certificates. Answers their names.
pub(crate) type Rotate =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<String>>> + Send>> + Send + Sync>;

/// Renews what is due until the future is dropped.
pub(crate) async fn keep(leaves: Arc<Leaves>, life: Duration) {
    let mut looks = tokio::time::interval((life / LOOKS).clamp(LOOK.0, LOOK.1));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        match apart(leaves.clone(), Leaves::renew).await {
            Ok(renewed) if renewed.is_empty() => {}
            Ok(renewed) => tracing::info!(?renewed, "certificates were renewed"),
            Err(error) => tracing::warn!(%error, "certificates could not be renewed"),
        }
    }
}

/// Has the certificate that a node serves with name the node's addresses when they have become others, until the future is dropped.
pub(crate) async fn rename(
    leaves: Arc<Leaves>,
    mut addresses: Addresses,
    subject: impl Fn(Vec<IpAddr>) -> Subject,
) {
    loop {
        addresses.changed().await;
        leaves.rename(SERVING, subject(addresses.now()));
        if let Err(error) = apart(leaves.clone(), Leaves::renew).await {
            tracing::warn!(%error, "the node's certificate does not name its addresses");
        }
    }
}

/// Renews all of them.
pub(crate) fn rotating(leaves: Arc<Leaves>) -> Rotate {
    Arc::new(move || Box::pin(apart(leaves.clone(), Leaves::rotate)))
}

/// On a thread that may wait for disks.
async fn apart(
    leaves: Arc<Leaves>,
    work: fn(&Leaves, SystemTime) -> navarch_auth::Result<Vec<String>>,
) -> Result<Vec<String>> {
    let done = tokio::task::spawn_blocking(move || work(&leaves, SystemTime::now())).await?;
    Ok(done?)
}

/// Has a certificate shown from now on, with `above` (PEM) sent along.
pub(crate) fn shown_by(place: Arc<Exchangeable>, above: &str) -> navarch_auth::leaves::InUse {
    let above = above.to_owned();
    Box::new(move |issued: &Issued| {
        place.set(&Pair {
            certificate: format!("{}{above}", issued.certificate),
            key: issued.key.clone(),
        })
    })
}

/// Serves a socket until the future is dropped. Only its owner may open it.
pub(crate) async fn serve(socket: PathBuf, rotate: Rotate) -> Result<()> {
    // What lies there is left over: whoever is here has claimed the data directory.
    let _ = std::fs::remove_file(&socket);
    let listener =
        UnixListener::bind(&socket).with_context(|| format!("socket {}", socket.display()))?;
    std::fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    loop {
        let mut stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "who asks for new certificates could not be heard");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        // One after the other: two would only renew twice.
        let asked = tokio::time::timeout(ASKING, receive::<Request>(&mut stream)).await;
        let Ok(Ok(Request::Rotate)) = asked else {
            continue;
        };
        let reply: Reply = rotate().await.map_err(|error| format!("{error:#}"));
        if let Err(error) = send(&mut stream, &reply).await {
            tracing::debug!(%error, "who asked for new certificates is gone");
        }
    }
}

/// Asks the process behind a socket to renew its certificates. `None`: there is none.
pub(crate) async fn ask(socket: &Path) -> Result<Option<Vec<String>>> {
    let Ok(mut stream) = UnixStream::connect(socket).await else {
        return Ok(None);
    };
    send(&mut stream, &Request::Rotate).await?;
    let reply: Reply = receive(&mut stream).await?;
    reply.map(Some).map_err(anyhow::Error::msg)
}
