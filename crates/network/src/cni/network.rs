//! The network as the node uses it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use navarch_client::Backoff;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::configuration::Configuration;
use super::error::CniError;
use super::invocation::{Order, invoke};
use super::record::{Record, Records};
use super::result::addresses;
use crate::netlink::Netlink;
use crate::records::validate_id;
use crate::{HostPort, PodName, namespace};

/// As many pods as are connected or disconnected at once: each is several programs.
const AT_ONCE: usize = 16;
/// The loopback interface is the first of every network namespace.
const LOOPBACK: u32 = 1;

/// Where plugins are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CniConfig {
    /// The directory of configurations, of which the first counts: `/etc/cni/net.d`. It is looked at for each pod anew.
    pub configurations: PathBuf,
    /// The directories of programs: `/opt/cni/bin`.
    pub programs: Vec<PathBuf>,
    /// A directory of this network's own, for one small file a pod. Made when it is needed.
    pub state_dir: PathBuf,
}

/// A network by plugins. Clones are the same.
#[derive(Debug, Clone)]
pub struct CniNetwork {
    config: Arc<CniConfig>,
    records: Records,
    turns: Arc<Semaphore>,
}

impl CniNetwork {
    /// Changes nothing.
    pub fn new(config: CniConfig) -> Self {
        Self {
            records: Records(config.state_dir.clone()),
            config: Arc::new(config),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Whether there is a configuration.
    ///
    /// # Errors
    /// There is none.
    pub fn ready(&self) -> Result<(), CniError> {
        Configuration::load(&self.config.configurations).map(drop)
    }

    /// Has all plugins connect a sandbox, one after the other; its addresses. One that is connected is left as it is.
    ///
    /// # Errors
    /// There is no configuration, or a plugin refuses: then what others have done is taken back.
    pub async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        pod: PodName,
        ports: Vec<HostPort>,
    ) -> Result<Vec<IpAddr>, CniError> {
        validate_id(sandbox_id)?;
        let _turn = self.turns.acquire().await;
        match self.records.read(sandbox_id)? {
            Some(Record {
                result: Some(result),
                netns: before,
                ..
            }) if before == netns => {
                return Ok(addresses(&result));
            }
            // Nobody knows how far it came.
            Some(unfinished) => self.undo(&unfinished).await?,
            None => {}
        }
        let mut record = Record {
            sandbox_id: sandbox_id.to_owned(),
            pod,
            netns: netns.to_owned(),
            ports,
            configuration: Configuration::load(&self.config.configurations)?,
            result: None,
        };
        self.records.write(&record)?;
        match self.connect(&record).await {
            Ok(result) => {
                let given = addresses(&result);
                record.result = Some(result);
                self.records.write(&record)?;
                Ok(given)
            }
            Err(error) => {
                if let Err(left) = self.undo(&record).await {
                    tracing::warn!(sandbox = sandbox_id, error = %left, "what plugins have begun stays");
                }
                Err(error)
            }
        }
    }

    async fn connect(&self, record: &Record) -> Result<Value, CniError> {
        loopback_up(record.netns.clone()).await?;
        let mut previous: Option<Value> = None;
        for plugin in &record.configuration.plugins {
            let programs = &self.config.programs;
            let said = invoke(programs, Order::Add, plugin, previous.as_ref(), record).await?;
            previous = Some(said);
        }
        let result = previous.unwrap_or_default();
        if addresses(&result).is_empty() {
            return Err(CniError::NoAddress(record.configuration.name.clone()));
        }
        Ok(result)
    }

    /// Has all plugins disconnect a sandbox, the last first, as they were when it was connected. Done already is done.
    ///
    /// # Errors
    /// A plugin refuses: it is to be asked again.
    pub async fn detach(&self, sandbox_id: &str) -> Result<(), CniError> {
        let _turn = self.turns.acquire().await;
        match self.records.read(sandbox_id)? {
            Some(record) => self.undo(&record).await,
            None => self.records.remove(sandbox_id),
        }
    }

    async fn undo(&self, record: &Record) -> Result<(), CniError> {
        for plugin in record.configuration.plugins.iter().rev() {
            let (programs, result) = (&self.config.programs, record.result.as_ref());
            invoke(programs, Order::Delete, plugin, result, record).await?;
        }
        self.records.remove(&record.sandbox_id)
    }

    /// The addresses of all sandboxes that are connected, by id.
    pub fn attached(&self) -> HashMap<String, Vec<IpAddr>> {
        let connected = |record: Record| {
            let given = addresses(&record.result?);
            Some((record.sandbox_id, given))
        };
        self.records
            .all()
            .into_iter()
            .filter_map(connected)
            .collect()
    }

    /// Begins to disconnect all sandboxes that are there but these. Nobody waits for it: what a plugin asks may be a pod of this very node, which
    /// is to be started first. What cannot be disconnected is tried again for as long as this process is there.
    pub fn reconcile(&self, live: &HashSet<String>) {
        let mut dead = self.dead(live);
        let network = self.clone();
        tokio::spawn(async move {
            let mut failures = 0;
            while !dead.is_empty() {
                let mut left = Vec::new();
                for id in dead {
                    if let Err(error) = network.detach(&id).await {
                        tracing::warn!(sandbox = id, %error, "a dead sandbox could not be disconnected");
                        left.push(id);
                    }
                }
                dead = left;
                failures += 1;
                tokio::time::sleep(Backoff::REFLECTOR.after(failures)).await;
            }
        });
    }

    /// Disconnects all sandboxes. One that cannot be does not keep the others; the first error comes at the end.
    ///
    /// # Errors
    /// What a plugin said.
    pub async fn disconnect_all(&self) -> Result<(), CniError> {
        let mut first = Ok(());
        for id in self.dead(&HashSet::new()) {
            first = first.and(self.detach(&id).await);
        }
        if first.is_ok() {
            self.records.remove_directory();
        }
        first
    }

    fn dead(&self, live: &HashSet<String>) -> Vec<String> {
        let ids = self.records.all().into_iter().map(|it| it.sandbox_id);
        ids.filter(|id| !live.contains(id)).collect()
    }
}

/// Plugins leave it to the runtime.
async fn loopback_up(netns: PathBuf) -> Result<(), CniError> {
    let path = netns.clone();
    let up = move || {
        let pod = namespace::open(&path).map_err(io::Error::other)?;
        namespace::within(&pod, || {
            let up = LinkUnspec::new_with_index(LOOPBACK).up().build();
            let mut netlink = Netlink::open()?;
            netlink.one(RouteNetlinkMessage::SetLink(up), 0).map(drop)
        })
    };
    let done = tokio::task::spawn_blocking(up).await;
    let done = done.map_err(io::Error::other).flatten();
    done.map_err(|source| CniError::State {
        path: netns,
        source,
    })
}
