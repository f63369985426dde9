//! The device, whoever it is that encrypts: the kernel where it can, this program otherwise.

use std::io;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use tokio::sync::Notify;

use super::generic::Generic;
use super::user::{self, User};
use super::{Peers, PrivateKey, kernel, link};
use crate::netlink::Netlink;

/// Who encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// The kernel, whose device goes on while the node's agent is being replaced.
    Kernel,
    /// This program: its device carries nothing while it does not run.
    Userspace,
}

/// What the device is to be.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) key: PrivateKey,
    pub(crate) port: NonZeroU16,
    /// The largest packet of the pods.
    pub(crate) mtu: u32,
    /// This node's addresses among its pods, one of a family.
    pub(crate) gateways: Vec<IpAddr>,
    /// Rings when this program's device carries nothing any more.
    pub(crate) ended: Arc<Notify>,
}

/// It, in the network namespace of the thread that made this.
pub(crate) struct Device {
    settings: Settings,
    held: Held,
}

enum Held {
    Kernel(Generic),
    User(User),
}

impl Device {
    /// Makes it, or takes over the one that an earlier run has left. Which it is to be is found by trying.
    pub(crate) fn open(netlink: &mut Netlink, settings: Settings) -> io::Result<Self> {
        let held = match provider(netlink, &settings.name)? {
            Provider::Kernel => Held::Kernel(Generic::open()?),
            Provider::Userspace => Held::User(user::start(&settings)?),
        };
        Ok(Self { settings, held })
    }

    /// Who encrypts.
    pub(crate) fn provider(&self) -> Provider {
        match self.held {
            Held::Kernel(_) => Provider::Kernel,
            Held::User(_) => Provider::Userspace,
        }
    }

    /// Has it be there as it is to be, with these peers; its index. `None`: it is gone, and is to be opened anew.
    pub(crate) fn ensure(
        &mut self,
        netlink: &mut Netlink,
        peers: &Peers,
    ) -> io::Result<Option<u32>> {
        let Settings {
            name,
            key,
            port,
            mtu,
            gateways,
            ended: _,
        } = &self.settings;
        let provider = self.provider();
        let Some((link, _)) = link::find(netlink, name)?.filter(|(_, who)| *who == provider) else {
            return Ok(None);
        };
        let index = link.header.index;
        match &mut self.held {
            // Before it is up: a device without peers would say that nobody is there.
            Held::Kernel(generic) => kernel::configure(generic, name, key, port.get(), peers)?,
            Held::User(device) if !device.carries(index) => return Ok(None),
            Held::User(device) => device.configure(peers),
        }
        link::set(netlink, name, &link, *mtu, gateways)?;
        Ok(Some(index))
    }
}

/// Who it is to be. A device of this program's is left until it is known that the kernel has learnt to make one.
fn provider(netlink: &mut Netlink, name: &str) -> io::Result<Provider> {
    match link::find(netlink, name)? {
        Some((_, Provider::Kernel)) => return Ok(Provider::Kernel),
        Some((_, Provider::Userspace)) => {
            let tried = crate::config::interface_beside(name, "try");
            if !link::make(netlink, &tried)? {
                return Ok(Provider::Userspace);
            }
            link::remove(netlink, &tried)?;
            link::remove(netlink, name)?;
        }
        None => {}
    }
    Ok(match link::make(netlink, name)? {
        true => Provider::Kernel,
        false => Provider::Userspace,
    })
}
