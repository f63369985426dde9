//! The network as the node uses it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::capabilities::{self, Capabilities};
use super::configuration::{Configuration, Configurations};
use super::error::CniError;
use super::invocation::{GARBAGE_OF, Order, SANDBOX, invoke};
use super::orphans;
use super::record::{Record, Records};
use super::result::addresses;
use super::turns::Turns;
use crate::netlink::Netlink;
use crate::records::validate_id;
use crate::{PodRequest, namespace};

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
    /// Whether plugins are told to forget all pods but those of this network. Wrong where others use the same plugins' state.
    pub collects_garbage: bool,
}

/// A network by plugins. Clones are the same.
#[derive(Debug, Clone)]
pub struct CniNetwork {
    pub(super) programs: Arc<Vec<PathBuf>>,
    configurations: Arc<Configurations>,
    pub(super) records: Records,
    pub(super) turns: Arc<Turns>,
    pub(super) collects_garbage: bool,
    /// Set when no earlier process's plugins forget pods any more.
    leftovers: Arc<OnceCell<()>>,
}

impl CniNetwork {
    /// Changes nothing.
    pub fn new(config: CniConfig) -> Self {
        Self {
            programs: Arc::new(config.programs),
            configurations: Arc::new(Configurations::of(config.configurations)),
            records: Records(config.state_dir),
            turns: Arc::new(Turns::new()),
            collects_garbage: config.collects_garbage,
            leftovers: Arc::default(),
        }
    }

    /// Whether there is a configuration, and its plugins say, where they can be asked, that they can connect pods.
    ///
    /// # Errors
    /// There is none, or one of them cannot.
    pub async fn ready(&self) -> Result<(), CniError> {
        let configuration = self.configuration().await?;
        if configuration.has_status() {
            for plugin in &configuration.plugins {
                let told = configuration.told(plugin, None, &Capabilities::new());
                invoke(&self.programs, Order::Status, plugin, &told).await?;
            }
        }
        Ok(())
    }

    /// Has all plugins connect a sandbox, one after the other; its addresses. One that is connected is left as it is.
    ///
    /// # Errors
    /// There is no configuration, or a plugin refuses: then what others have done is taken back.
    pub async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        request: PodRequest,
    ) -> Result<Vec<IpAddr>, CniError> {
        validate_id(sandbox_id)?;
        let _sandbox = self.turns.of_sandbox(sandbox_id).await;
        match self.record(sandbox_id).await? {
            Some(Record {
                result: Some(result),
                netns: before,
                ..
            }) if before == netns => {
                return Ok(addresses(&result));
            }
            // Nobody knows how far it came.
            Some(unfinished) => self.take_back(&unfinished).await?,
            None => {}
        }
        let mut record = Record {
            sandbox_id: sandbox_id.to_owned(),
            request,
            netns: netns.to_owned(),
            configuration: self.configuration().await?,
            result: None,
        };
        self.write(&record).await?;
        match self.connect(&record).await {
            Ok(result) => {
                let given = addresses(&result);
                record.result = Some(result);
                self.write(&record).await?;
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
        self.end_leftovers().await?;
        let _turn = self.turns.to_add().await;
        loopback_up(record.netns.clone()).await?;
        let (configuration, order) = (&record.configuration, Order::Add(record));
        let capabilities = capabilities::of(&record.request)?;
        let mut previous: Option<Value> = None;
        for plugin in &configuration.plugins {
            let told = configuration.told(plugin, previous.as_ref(), &capabilities);
            previous = Some(invoke(&self.programs, order, plugin, &told).await?);
        }
        let result = previous.unwrap_or_default();
        if addresses(&result).is_empty() {
            return Err(CniError::NoAddress(configuration.name.clone()));
        }
        Ok(result)
    }

    /// Has all plugins disconnect a sandbox, the last first, as they were when it was connected. Done already is done.
    ///
    /// # Errors
    /// A plugin refuses: it is to be asked again.
    pub async fn detach(&self, sandbox_id: &str) -> Result<(), CniError> {
        let _sandbox = self.turns.of_sandbox(sandbox_id).await;
        match self.record(sandbox_id).await? {
            Some(record) => self.take_back(&record).await,
            None => Ok(()),
        }
    }

    /// Undoes what a record that was found tells of. Where it is not finished, an earlier process may have begun what still goes on.
    async fn take_back(&self, record: &Record) -> Result<(), CniError> {
        if record.result.is_none() {
            let (id, path) = (record.sandbox_id.clone(), record.netns.clone());
            let ended = blocking(move || Ok(orphans::end(SANDBOX, id.as_ref()))).await?;
            ended.map_err(|source| CniError::State { path, source })?;
        }
        self.undo(record).await
    }

    /// Ends what an earlier process of ours has told to forget all pods but those that there were: it would forget the next as well.
    pub(super) async fn end_leftovers(&self) -> Result<(), CniError> {
        let ending = || async {
            let path = self.records.0.clone();
            let of = path.clone();
            let ended = blocking(move || Ok(orphans::end(GARBAGE_OF, of.as_ref()))).await?;
            ended.map_err(|source| CniError::State { path, source })
        };
        self.leftovers.get_or_try_init(ending).await.map(drop)
    }

    /// One that refuses does not keep the others; the first error comes at the end.
    async fn undo(&self, record: &Record) -> Result<(), CniError> {
        let _turn = self.turns.to_delete().await;
        let (configuration, order) = (&record.configuration, Order::Delete(record));
        // What cannot be read was told to nobody.
        let capabilities = capabilities::of(&record.request).unwrap_or_default();
        let mut first = Ok(());
        for plugin in configuration.plugins.iter().rev() {
            let told = configuration.told(plugin, record.result.as_ref(), &capabilities);
            let done = invoke(&self.programs, order, plugin, &told).await;
            first = first.and(done.map(drop));
        }
        first?;
        let id = record.sandbox_id.clone();
        self.on_disk(move |records| records.remove(&id)).await
    }

    /// The addresses of all sandboxes that are connected, by id. One whose record cannot be read is not among them.
    ///
    /// # Errors
    /// It cannot be seen which records there are.
    pub async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, CniError> {
        self.on_disk(|records| {
            let mut all = HashMap::new();
            for id in records.ids()? {
                match records.read(&id) {
                    Ok(Some(Record { result: Some(result), .. })) => {
                        all.insert(id, addresses(&result));
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(sandbox = id, %error, "whether a sandbox is connected is not known"),
                }
            }
            Ok(all)
        })
        .await
    }

    pub(super) async fn configuration(&self) -> Result<Configuration, CniError> {
        let configurations = self.configurations.clone();
        blocking(move || configurations.load()).await
    }

    async fn record(&self, sandbox_id: &str) -> Result<Option<Record>, CniError> {
        let id = sandbox_id.to_owned();
        self.on_disk(move |records| records.read(&id)).await
    }

    async fn write(&self, record: &Record) -> Result<(), CniError> {
        let record = record.clone();
        self.on_disk(move |records| records.write(&record)).await
    }

    /// Works on records where waiting for the disk is allowed.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Records) -> Result<T, CniError> + Send + 'static,
    ) -> Result<T, CniError> {
        let records = self.records.clone();
        blocking(move || work(&records)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CniError> + Send + 'static,
) -> Result<T, CniError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CniError::Stopped(error.to_string()))?
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
    let done = blocking(move || Ok(up())).await?;
    done.map_err(|source| CniError::State {
        path: netns,
        source,
    })
}
