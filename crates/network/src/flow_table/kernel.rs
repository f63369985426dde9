//! The flow table in the kernel: for the thread that may block on it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};

use super::shell::FlowTableConfig;
use super::text;
use crate::bridge;
use crate::config::is_interface_name;
use crate::error::RulesError;
use crate::netfilter::Netfilter;
use crate::netfilter::kept::{Kept, Packets};
use crate::netfilter::watch::Watch;
use crate::netlink::Netlink;
use crate::nft::Nft;
use crate::node_routes::{is_reachable, tunnel_name};

/// The table, in the network namespace of the thread that made this.
pub(super) struct Kernel {
    config: FlowTableConfig,
    netlink: Netlink,
    nft: Nft,
    netfilter: Netfilter,
    kept: Kept,
    /// What it has been made with.
    made: Option<Devices>,
}

/// Their indices by name: a device that is made anew under its name is in no flow table.
pub(super) type Devices = BTreeMap<String, u32>;

/// How it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As it should be.
    Kept,
    /// The kernel has none, or `nft` knows none; with what was said.
    Refused(RulesError),
}

impl Kernel {
    /// Changes nothing.
    pub(super) fn open(config: FlowTableConfig) -> Result<Self, RulesError> {
        Ok(Self {
            netlink: Netlink::open()?,
            nft: Nft::find()?,
            netfilter: Netfilter::open()?,
            kept: Kept::new(Packets::Inet, &config.table, &[]),
            made: None,
            config,
        })
    }

    /// Listens for what others change of it.
    pub(super) fn watch(&self) -> io::Result<Watch> {
        let own = self.config.table.clone();
        self.netfilter.watch(move |table| table == own)
    }

    /// Has it be there, with the devices that there are. `anew`: others may have changed it.
    pub(super) fn have(&mut self, anew: bool) -> Result<Outcome, RulesError> {
        let devices = self.devices()?;
        if !devices.contains_key(&self.config.bridge) {
            // Nobody's packets are to be passed on.
            self.made = None;
            return Ok(Outcome::Kept);
        }
        let is_same = self.made.as_ref() == Some(&devices);
        if is_same && (!anew || self.kept.is_intact(&mut self.netfilter)?) {
            return Ok(Outcome::Kept);
        }
        self.made = None;
        let others = devices.keys().map(String::as_str);
        let others = others.filter(|name| *name != self.config.bridge);
        let text = text::ruleset(&self.config.table, &self.config.bridge, others);
        match self.kept.make(&self.nft, &mut self.netfilter, text, &[]) {
            Ok(()) => {
                self.made = Some(devices);
                Ok(Outcome::Kept)
            }
            // Nor has anybody had one: it is not for want of memory, or of a device that has gone meanwhile.
            Err(error @ RulesError::Refused(_))
                if !self.kept.has_been() && self.devices()? == devices =>
            {
                Ok(Outcome::Refused(error))
            }
            Err(error) => Err(error),
        }
    }

    /// The bridge, the tunnel, and whatever has an address at which other hosts reach this one, but for ports of bridges: what comes by those is
    /// the bridge's, and the kernel would send past it to where a neighbour once was.
    pub(super) fn devices(&mut self) -> io::Result<Devices> {
        let bridge = &self.config.bridge;
        let named = [bridge, &tunnel_name(bridge)];
        let named = named.map(|name| LinkUnspec::new_with_name(name).build());
        let addresses = self.netlink.addresses()?.into_iter();
        let outside = addresses.filter_map(|address| {
            let own = bridge::network_of(&address)?.addr();
            is_reachable(&own, &self.config.cluster_cidrs).then_some(address.header.index)
        });
        let outside: BTreeSet<u32> = outside.collect();
        let outside = outside
            .into_iter()
            .map(|index| LinkUnspec::new_with_index(index).build());
        let mut devices = Devices::new();
        for asked in named.into_iter().chain(outside) {
            let link = self.netlink.link(asked)?;
            let link = link.filter(|link| bridge::controller(link).is_none());
            devices.extend(link.and_then(|link| Some((name_of(&link)?, link.header.index))));
        }
        Ok(devices)
    }
}

/// One that `nft` reads as it is.
fn name_of(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|it| match it {
        LinkAttribute::IfName(name) if is_interface_name(name) => Some(name.clone()),
        _ => None,
    })
}
