//! Has the kernel be as a plan says, whatever it is like: for the thread that may block on it.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::Notify;

use super::encrypted::Encrypted;
use super::entries;
use super::gate::Gate;
use super::guard;
use super::plan::{Plan, Segment};
use super::routes::{self, Route, Routes};
use super::tunnel::{self, Tunnel};
use crate::bridge;
use crate::error::{NodeRoutesError, RulesError};
use crate::netfilter::watch::Watch;
use crate::netlink::Netlink;
use crate::wireguard::{self, Provider};

/// The ways of one node, in the network namespace of the thread that made this.
pub(crate) struct Kernel {
    pub(super) netlink: Netlink,
    /// Without it there is no tunnel, and no device that encrypts: whoever reaches this host could send to its pods. The reason is the error.
    pub(super) gate: Result<Gate, RulesError>,
    /// Where all is encrypted.
    pub(super) encrypted: Option<Encrypted>,
    pub(super) settings: Settings,
}

/// What ways are made by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The bridge of this node's pods.
    pub(crate) bridge: String,
    /// The tunnel's device.
    pub(crate) device: String,
    /// The device that encrypts.
    pub(crate) encrypting: String,
    /// What it is to be, where there is to be one.
    pub(crate) encryption: Option<wireguard::device::Settings>,
    /// The table of the guard.
    pub(crate) table: String,
    pub(crate) cluster_cidrs: Vec<IpNet>,
    /// The largest packet of the pods.
    pub(crate) mtu: u32,
    /// This node's addresses among its pods, one of a family.
    pub(crate) gateways: Vec<IpAddr>,
    /// Rings when something may not be as it was.
    pub(crate) changed: Arc<Notify>,
}

impl Kernel {
    /// Changes nothing.
    pub(crate) fn open(settings: Settings) -> Result<Self, NodeRoutesError> {
        let netlink = Netlink::open().map_err(failed("open netlink"))?;
        netlink.filter_dumps();
        let sets: &[&str] = match settings.encryption {
            Some(_) => &[],
            None => &guard::SETS,
        };
        Ok(Self {
            netlink,
            gate: Gate::open(&settings.table, sets),
            encrypted: settings.encryption.clone().map(Encrypted::new),
            settings,
        })
    }

    /// Listens for what others change of the tunnel's guard; `None` where there can be none.
    pub(crate) fn watch(&self) -> Option<io::Result<Watch>> {
        Some(self.gate.as_ref().ok()?.watch())
    }

    /// The networks that this host is in, but for those of the pods.
    pub(crate) fn segments(&mut self) -> Result<Vec<Segment>, NodeRoutesError> {
        let found = self.netlink.addresses();
        let all = found.map_err(failed("list addresses"))?;
        let segment = |address| {
            let own = bridge::network_of(&address)?;
            Some(Segment {
                own,
                interface: address.header.index,
            })
        };
        let cluster = &self.settings.cluster_cidrs;
        let is_pods = |own: &IpNet| cluster.iter().any(|range| range.contains(&own.addr()));
        let segments = all.into_iter().filter_map(segment);
        Ok(segments.filter(|it| !is_pods(&it.own)).collect())
    }

    /// Who encrypts, once somebody does.
    pub(crate) fn provider(&self) -> Option<Provider> {
        self.encrypted.as_ref()?.provider()
    }

    /// Has the kernel be so. What can be done is done; the first error comes at the end. `anew`: what is known to be applied may have been
    /// taken away by others.
    pub(crate) fn apply(&mut self, plan: &Plan, anew: bool) -> Result<(), NodeRoutesError> {
        match self.encrypted.is_some() {
            true => self.apply_encrypted(plan, anew),
            false => self.apply_clear(plan, anew),
        }
    }

    /// What this host's own packets come from, on their way to pods of that family.
    pub(super) fn source(&self, to: IpAddr) -> Option<IpAddr> {
        let mut own = self.settings.gateways.iter();
        own.find(|own| own.is_ipv4() == to.is_ipv4()).copied()
    }

    fn apply_clear(&mut self, plan: &Plan, anew: bool) -> Result<(), NodeRoutesError> {
        let device = self.tunnel(plan, anew);
        let mut wanted = Routes::new();
        for (to, way) in &plan.direct {
            let route = Route::By {
                gateway: way.gateway,
                interface: way.interface,
                source: None,
            };
            wanted.insert(*to, route);
        }
        if let Ok(Some(index)) = device {
            for (to, way) in &plan.tunnelled {
                let route = Route::By {
                    gateway: way.gateway,
                    interface: index,
                    source: self.source(way.gateway),
                };
                wanted.insert(*to, route);
            }
        }
        // A tunnel that could not be looked after goes on as it is.
        let keep = |to: &IpNet| device.is_err() && plan.tunnelled.contains_key(to);
        let routed = self.routes(&wanted, |to, _| keep(to));
        let routed = routed.map_err(failed("set routes"));
        let forgotten = match device {
            Ok(Some(index)) => self.forget(plan, index),
            Ok(None) => self.close(),
            Err(_) => Ok(()),
        };
        let unencrypted = self.open_up();
        device.map(drop).and(routed).and(forgotten).and(unencrypted)
    }

    /// The tunnel's device, made and told of all nodes behind it, where the plan has one.
    fn tunnel(&mut self, plan: &Plan, anew: bool) -> Result<Option<u32>, NodeRoutesError> {
        let Some(begin) = plan.begin else {
            return Ok(None);
        };
        let settings = &self.settings;
        let number = tunnel::number(&settings.cluster_cidrs);
        let hosts: BTreeSet<IpAddr> = plan.tunnelled.values().map(|way| way.host).collect();
        let gate = self.gate.as_mut().map_err(|error| error.clone())?;
        gate.let_in(number, hosts, anew)?;
        let device = Tunnel {
            name: &settings.device,
            number,
            begin,
            mtu: settings.mtu,
            gateways: &settings.gateways,
        };
        let index = device.ensure(&mut self.netlink);
        let index = index.map_err(failed("make the tunnel"))?;
        let wanted = entries::wanted(plan.tunnelled.values());
        let present = entries::present(&mut self.netlink, index);
        let present = present.map_err(failed("list the tunnel's nodes"))?;
        let missing: Vec<_> = wanted.difference(&present).copied().collect();
        let told = entries::add(&mut self.netlink, index, &missing);
        told.map_err(failed("tell the tunnel of nodes"))?;
        Ok(Some(index))
    }

    /// Has ours be these, beside those that are to be kept.
    pub(super) fn routes(
        &mut self,
        wanted: &Routes,
        keep: impl Fn(&IpNet, &Route) -> bool,
    ) -> io::Result<()> {
        let cluster = self.settings.cluster_cidrs.clone();
        let present = routes::present(&mut self.netlink, &cluster)?;
        let missing = wanted
            .iter()
            .filter(|(to, route)| present.get(to) != Some(route));
        let set = routes::set(&mut self.netlink, missing);
        let extra = present
            .iter()
            .filter(|(to, route)| !wanted.contains_key(to) && !keep(to, route));
        set.and(routes::remove(&mut self.netlink, extra))
    }

    /// Has the tunnel forget the nodes that are not behind it any more.
    fn forget(&mut self, plan: &Plan, index: u32) -> Result<(), NodeRoutesError> {
        let wanted = entries::wanted(plan.tunnelled.values());
        let present = entries::present(&mut self.netlink, index);
        let present = present.map_err(failed("list the tunnel's nodes"))?;
        let extra: Vec<_> = present.difference(&wanted).copied().collect();
        let forgotten = entries::remove(&mut self.netlink, index, &extra);
        forgotten.map_err(failed("have the tunnel forget nodes"))
    }

    /// Takes the tunnel away, and then its guard.
    fn close(&mut self) -> Result<(), NodeRoutesError> {
        let device = &self.settings.device;
        let there = tunnel::find(&mut self.netlink, device).map_err(failed("find the tunnel"))?;
        let is_gone = self.gate.as_ref().is_ok_and(Gate::is_gone);
        if there.is_none() && is_gone {
            return Ok(());
        }
        let removed = tunnel::remove(&mut self.netlink, device);
        removed.map_err(failed("remove the tunnel"))?;
        // No guard was made without it.
        self.gate.as_mut().map_or(Ok(()), Gate::remove)?;
        Ok(())
    }

    /// Takes everything away.
    pub(crate) fn remove_everything(&mut self) -> Result<(), NodeRoutesError> {
        let routed = self.routes(&Routes::new(), |_, _| false);
        let routed = routed.map_err(failed("remove routes"));
        routed.and(self.close()).and(self.open_up())
    }
}

pub(super) fn failed(action: &'static str) -> impl Fn(io::Error) -> NodeRoutesError {
    move |source| NodeRoutesError::Netlink { action, source }
}
