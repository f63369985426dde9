//! One node's pod network as its thread sees it: all state in one place, changed by one at a time. The kernel takes one change to
//! its interfaces at a time too, so that nothing is lost by waiting here instead of there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    net::IpAddr,
    path::Path,
};

use ipnet::IpNet;
use tokio::sync::oneshot;

use crate::{
    Attachment, Config, Connection, Degradation, Error, PodRequest,
    addresses::CidrTooSmall,
    bandwidth::Bandwidth,
    bridge,
    config::mac_address,
    error::RulesError,
    interface::{self, Interface},
    namespace,
    netfilter::watch::Watch,
    netlink::Netlink,
    pools::Pools,
    records::{Found, Records, validate_id},
    remover, shaping,
};

mod rules;
mod tables;
#[cfg(test)]
mod tests;

use tables::Tables;

/// Who waits for a sandbox to be detached.
pub(crate) type Waiter = oneshot::Sender<Result<(), Error>>;

/// The state of a node's pod network, and the kernel's and the disk's behind it.
pub(crate) struct Node {
    config: Config,
    host: Netlink,
    bridge: u32,
    pools: Pools,
    records: Records,
    attachments: BTreeMap<String, Attachment>,
    /// Without them there are no rules; the reason is the error.
    tables: Result<Tables, RulesError>,
    /// What listens for what others change of them, until somebody takes it.
    watch: Option<io::Result<Watch>>,
    degradations: Vec<Degradation>,
    /// Sandboxes whose host ports are not served.
    unserved: BTreeMap<String, Degradation>,
    /// Sandboxes whose interface is being removed.
    leaving: HashMap<String, Vec<Waiter>>,
}

impl Node {
    /// Takes up what an earlier run left, and makes bridge and rules as the configuration says.
    pub(crate) fn start(config: Config) -> Result<Self, Error> {
        let pools = Pools::new(&config.pod_cidrs)
            .map_err(|error: CidrTooSmall| Error::InvalidConfig(error.to_string()))?;
        let (records, found) = Records::open(config.state_dir.clone())?;
        let mut host = open_netlink()?;
        let bridge = bridge::ensure(&mut host, &config, &pools.gateways())?;
        let tables = Tables::open(&config);
        let watch = tables.as_ref().map(|tables| tables.watch(&config.table));
        let watch = watch.ok();
        let mut node = Self {
            config,
            host,
            bridge,
            pools,
            records,
            attachments: BTreeMap::new(),
            tables,
            watch,
            degradations: Vec::new(),
            unserved: BTreeMap::new(),
            leaving: HashMap::new(),
        };
        node.restore(found);
        node.set_up_routing();
        Ok(node)
    }

    /// Attaches a sandbox; an attachment that is whole is returned as it is, one that is not is made again with its address.
    pub(crate) fn attach(
        &mut self,
        id: &str,
        netns: &Path,
        pod: PodRequest,
    ) -> Result<Attachment, Error> {
        validate_id(id)?;
        let bandwidth = Bandwidth::of(&pod.annotations)?;
        if self.leaving.contains_key(id) {
            return Err(Error::Detaching(id.to_owned()));
        }
        if let Some(known) = self.attachments.get(id)
            && known.netns == netns
            && known.host_ports == pod.ports
            && self.connection(id)? == Connection::Up
            && let Some(known) = self.attachments.get(id)
        {
            return Ok(known.clone());
        }
        self.refuse_taken_ports(id, &pod.ports)?;
        let namespace = namespace::open(netns)?;
        let is_new = !self.attachments.contains_key(id);
        self.conceal(id)?;
        let attachment = self.describe(id, netns, pod, bandwidth)?;
        let made = self
            .record(&attachment)
            .and_then(|()| self.bind(&attachment))
            .and_then(|()| self.create(&attachment, &namespace));
        if let Err(error) = made {
            if is_new {
                self.abandon(&attachment);
                self.forget(id);
            }
            return Err(error);
        }
        self.attachments.insert(id.to_owned(), attachment.clone());
        self.expose(&attachment);
        Ok(attachment)
    }

    /// Begins to detach a sandbox: its host ports go. Returns the interface to remove, after which the caller comes back with
    /// [`Node::finish_detach`]; `None` if that is under way already, or if the waiter has been told of an error.
    pub(crate) fn begin_detach(&mut self, id: &str, waiter: Waiter) -> Option<String> {
        if let Some(waiters) = self.leaving.get_mut(id) {
            waiters.push(waiter);
            return None;
        }
        if let Err(error) = validate_id(id).and_then(|()| self.conceal(id)) {
            // Nobody waits for it any more: nothing to tell.
            let _ = waiter.send(Err(error));
            return None;
        }
        self.leaving.insert(id.to_owned(), vec![waiter]);
        Some(interface::host_name(id))
    }

    /// Ends what [`Node::begin_detach`] began: the interface is gone, and the address is free.
    pub(crate) fn finish_detach(&mut self, id: &str, removed: &io::Result<()>) {
        for waiter in self.leaving.remove(id).unwrap_or_default() {
            let _ = waiter.send(match removed {
                Ok(()) => self.free(id),
                Err(error) => Err(veth_error(&interface::host_name(id), remover::again(error))),
            });
        }
    }

    fn free(&mut self, id: &str) -> Result<(), Error> {
        self.records.remove(id)?;
        if let Some(attachment) = self.attachments.remove(id) {
            self.unbind(&attachment);
        }
        self.pools.release(id);
        Ok(())
    }

    /// Every attachment, by sandbox id.
    pub(crate) fn attachments(&self) -> Vec<Attachment> {
        self.attachments.values().cloned().collect()
    }

    /// Whether a sandbox's interface is there and up.
    pub(crate) fn connection(&mut self, id: &str) -> Result<Connection, Error> {
        let Some(attachment) = self.attachments.get(id) else {
            return Ok(Connection::Absent);
        };
        let name = &attachment.host_interface;
        let connected = interface::is_connected(&mut self.host, name, self.bridge);
        match connected.map_err(|source| Error::Netlink {
            action: format!("look at veth {name}"),
            source,
        })? {
            true => Ok(Connection::Up),
            false => Ok(Connection::Broken),
        }
    }

    /// The attached sandboxes that are not among the living.
    pub(crate) fn dead(&self, live: &HashSet<String>) -> Vec<String> {
        self.attachments
            .keys()
            .filter(|id| !live.contains(*id))
            .cloned()
            .collect()
    }

    /// The bridge's own address, the first of them.
    pub(crate) fn gateway(&self) -> IpAddr {
        self.pools.gateway()
    }

    /// What the node does without.
    pub(crate) fn degradations(&self) -> Vec<Degradation> {
        self.degradations
            .iter()
            .chain(self.unserved.values())
            .cloned()
            .collect()
    }

    /// Claims the addresses of the attachments that were found. One whose address is another's, or of a CIDR that was the node's
    /// before, is left out; its interface goes with the next [`Node::reconcile`].
    fn restore(&mut self, found: Found) {
        for attachment in found.attachments {
            let id = attachment.sandbox_id.clone();
            match self.pools.claim(&id, &attachment.ips) {
                Ok(()) => drop(self.attachments.insert(id, attachment)),
                Err(error) => {
                    tracing::warn!(sandbox = %id, ips = ?attachment.ips, %error, "dropping an attachment of an earlier run");
                    if let Err(error) = self.records.remove(&id) {
                        tracing::warn!(sandbox = %id, %error, "its file stays");
                    }
                }
            }
        }
        self.pools.resume_after(&found.last_addresses);
    }

    fn describe(
        &mut self,
        id: &str,
        netns: &Path,
        pod: PodRequest,
        bandwidth: Bandwidth,
    ) -> Result<Attachment, Error> {
        let ips = self.pools.allocate(id).map_err(Error::AddressesExhausted)?;
        let first = ips.first().copied().unwrap_or(self.pools.gateway());
        Ok(Attachment {
            sandbox_id: id.to_owned(),
            pod: Some(pod.name),
            netns: netns.to_owned(),
            ips,
            gateway: self.pools.gateway(),
            prefix_len: IpNet::from(first).prefix_len(),
            mac: mac_address(first)
                .map(|octet| format!("{octet:02x}"))
                .join(":"),
            host_interface: interface::host_name(id),
            host_ports: pod.ports,
            bandwidth,
        })
    }

    fn record(&mut self, attachment: &Attachment) -> Result<(), Error> {
        self.records.write(attachment)?;
        attachment
            .ips
            .iter()
            .try_for_each(|ip| self.records.write_last_address(*ip))
    }

    fn create(&mut self, attachment: &Attachment, namespace: &std::fs::File) -> Result<(), Error> {
        let interface = Interface {
            host_name: &attachment.host_interface,
            bridge: (self.bridge, &self.config.bridge),
            bandwidth: attachment.bandwidth,
            mtu: self.config.mtu,
            addresses: &attachment.ips,
            gateways: &self.pools.gateways(),
        };
        let created = interface.create(&mut self.host, namespace);
        created.map_err(|source| Error::Netlink {
            action: format!(
                "create veth {} for {}",
                attachment.host_interface,
                attachment.netns.display()
            ),
            source,
        })
    }

    /// Undoes what a first attach did before it failed.
    fn forget(&mut self, id: &str) {
        match self.records.remove(id) {
            Ok(()) => self.pools.release(id),
            // The address stays with the file that says so.
            Err(error) => {
                tracing::warn!(sandbox = %id, %error, "the file of a failed attachment stays");
            }
        }
    }

    /// Removes the interfaces on the bridge that are named as pods' are and belong to no attachment.
    pub(crate) fn remove_strays(&mut self) -> Result<(), Error> {
        let known: HashSet<&str> = self
            .attachments
            .values()
            .map(|a| a.host_interface.as_str())
            .collect();
        let mut ports = bridge::ports(&mut self.host, &self.config.bridge, interface::HOST_PREFIX)?;
        ports.retain(|port| !known.contains(port.as_str()));
        let is_known = |name: &str| known.contains(name);
        ports.extend(bandwidth_strays(
            &mut self.host,
            &self.config.bridge,
            is_known,
        )?);
        remove_interfaces(&mut self.host, &ports)
    }
}

pub(crate) fn open_netlink() -> Result<Netlink, Error> {
    Netlink::open().map_err(|source| Error::Netlink {
        action: "open netlink".to_owned(),
        source,
    })
}

/// The devices by which limited pods send, of pods that are not known.
pub(crate) fn bandwidth_strays(
    host: &mut Netlink,
    bridge: &str,
    is_known: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Error> {
    let strays = shaping::strays(host, bridge, is_known);
    strays.map_err(|source| Error::Netlink {
        action: "list interfaces".to_owned(),
        source,
    })
}

pub(crate) fn remove_interfaces(host: &mut Netlink, names: &[String]) -> Result<(), Error> {
    for names in names.chunks(remover::BATCH) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (name, removed) in names.iter().zip(remover::remove(host, &names)) {
            removed.map_err(|source| veth_error(name, source))?;
        }
    }
    Ok(())
}

fn veth_error(name: &str, source: io::Error) -> Error {
    Error::Netlink {
        action: format!("remove veth {name}"),
        source,
    }
}
