//! Where a node's API is served: at all of the node's addresses, at the same port, also where they become others.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use navarch_node::Addresses;
use navarch_node::server::Server;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// How often it is tried to listen at an address that is not there yet, as one of IPv6 is not for a moment.
const RETRY: Duration = Duration::from_secs(1);

/// How often it is said that one is not there.
const COMPLAINT: Duration = Duration::from_secs(60);

/// What listens, and where it is to.
pub(crate) struct Listeners {
    addresses: Addresses,
    port: u16,
    held: Vec<TcpListener>,
}

impl Listeners {
    /// Listens; at any port where none is given. The first address is where the API server asks, so it must be there; others may come later.
    pub(crate) async fn open(addresses: Addresses, mut port: u16) -> Result<Self> {
        let mut held = Vec::new();
        for address in addresses.now() {
            let at = SocketAddr::new(address, port);
            let listener = match TcpListener::bind(at).await {
                Err(error) if !held.is_empty() => {
                    complain(at, &error);
                    continue;
                }
                bound => bound.with_context(|| format!("the node's API: listen on {at}"))?,
            };
            port = listener.local_addr()?.port();
            held.push(listener);
        }
        Ok(Self {
            addresses,
            port,
            held,
        })
    }

    /// Which port that is.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Serves until dropped.
    pub(crate) async fn serve(mut self, server: Server) {
        // `open` has said so for the first time.
        let mut said = Some(Instant::now());
        loop {
            let wanted = self.addresses.now();
            let complains = said.is_none_or(|said| said.elapsed() >= COMPLAINT);
            let is_whole = self.listen(&wanted, complains).await;
            if complains {
                said = Some(Instant::now());
            }
            tokio::select! {
                never = server.serve(&self.held) => match never {},
                () = self.addresses.changed() => said = None,
                () = tokio::time::sleep(RETRY), if !is_whole => {}
            }
        }
    }

    /// Listens at these and no others, as far as they are there; whether all are.
    async fn listen(&mut self, wanted: &[IpAddr], complains: bool) -> bool {
        let at = |listener: &TcpListener| listener.local_addr().map(|at| at.ip()).ok();
        self.held
            .retain(|listener| at(listener).is_some_and(|ip| wanted.contains(&ip)));
        let mut is_whole = true;
        for address in wanted {
            if self.held.iter().any(|held| at(held) == Some(*address)) {
                continue;
            }
            let place = SocketAddr::new(*address, self.port);
            match TcpListener::bind(place).await {
                Ok(listener) => self.held.push(listener),
                Err(error) => {
                    is_whole = false;
                    if complains {
                        complain(place, &error);
                    }
                }
            }
        }
        is_whole
    }
}

fn complain(at: SocketAddr, error: &io::Error) {
    tracing::warn!(%at, %error, "the node's API is not served at one of its addresses yet");
}
