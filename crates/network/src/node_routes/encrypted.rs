//! Ways that are encrypted, all of them: by a device that is made anew where it has gone, and behind a guard.

use std::io;

use super::kernel::{Kernel, failed};
use super::plan::Plan;
use super::routes::{self, Route, Routes};
use super::tunnel;
use crate::error::{NodeRoutesError, RulesError};
use crate::netlink::Netlink;
use crate::wireguard::device::{Device, Settings};
use crate::wireguard::{self, Peers, Provider};

/// It, or how it is to be made.
pub(super) struct Encrypted {
    settings: Settings,
    device: Option<Device>,
}

impl Encrypted {
    /// Changes nothing.
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            device: None,
        }
    }

    /// Who encrypts, once there is a device.
    pub(super) fn provider(&self) -> Option<Provider> {
        self.device.as_ref().map(Device::provider)
    }

    /// Has the device be there, with these peers; its index.
    pub(super) fn ensure(&mut self, netlink: &mut Netlink, peers: &Peers) -> io::Result<u32> {
        if let Some(device) = &mut self.device
            && let Some(index) = device.ensure(netlink, peers)?
        {
            return Ok(index);
        }
        // What it holds must be free before it is made anew.
        self.device = None;
        let mut device = Device::open(netlink, self.settings.clone())?;
        let made = device.ensure(netlink, peers);
        self.device = Some(device);
        made?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Kernel {
    /// All by the device that encrypts. What goes to any other pod of the cluster goes nowhere, whatever fails here.
    pub(super) fn apply_encrypted(
        &mut self,
        plan: &Plan,
        anew: bool,
    ) -> Result<(), NodeRoutesError> {
        let device = self.encrypting(plan, anew);
        let mut wanted = self.nowhere();
        if let Ok(interface) = device {
            for to in plan.encrypted.values().flat_map(|peer| &peer.ranges) {
                let source = self.source(to.addr());
                wanted.insert(*to, Route::Into { interface, source });
            }
        }
        // A device that could not be looked after goes on as it is.
        let keep = |route: &Route| device.is_err() && matches!(route, Route::Into { .. });
        let routed = self.routes(&wanted, |_, route| keep(route));
        let routed = routed.map_err(failed("set routes"));
        let tunnel = &self.settings.device;
        let tunnel = tunnel::remove(&mut self.netlink, tunnel);
        let tunnel = tunnel.map_err(failed("remove the tunnel"));
        device.map(drop).and(routed).and(tunnel)
    }

    /// The device that encrypts, made and told of all nodes, behind a guard that lets packets of pods take no other way.
    fn encrypting(&mut self, plan: &Plan, anew: bool) -> Result<u32, NodeRoutesError> {
        self.guard(anew)?;
        let encrypted = self.encrypted.as_mut();
        let encrypted = encrypted.ok_or(NodeRoutesError::Stopped)?;
        let device = encrypted.ensure(&mut self.netlink, &plan.encrypted);
        device.map_err(failed("make the WireGuard device"))
    }

    fn guard(&mut self, anew: bool) -> Result<(), RulesError> {
        let settings = &self.settings;
        let gate = self.gate.as_mut().map_err(|error| error.clone())?;
        let inside = [&*settings.bridge, &*settings.encrypting];
        gate.seal(inside, &settings.cluster_cidrs, anew)
    }

    /// Where what has no way of its own goes to.
    fn nowhere(&self) -> Routes {
        let ranges = self.settings.cluster_cidrs.iter();
        ranges
            .map(|range| (range.trunc(), Route::Nowhere))
            .collect()
    }

    /// Until it is known which nodes there are: has the ways be those that there were, if that is known; else has the guard be there.
    pub(super) fn hold(&mut self, plan: Option<&Plan>) -> Result<(), NodeRoutesError> {
        match plan {
            Some(plan) => self.apply_encrypted(plan, true),
            None => Ok(self.guard(true)?),
        }
    }

    /// Keeps packets of pods here but for those that the device that encrypts carries, which an earlier run may have left; and takes away the
    /// tunnel, whose guard is no more when that of this is there.
    pub(super) fn seal(&mut self) -> Result<(), NodeRoutesError> {
        let nowhere = self.nowhere();
        let set = routes::set(&mut self.netlink, &nowhere);
        let removed = tunnel::remove(&mut self.netlink, &self.settings.device);
        self.guard(true)?;
        set.map_err(failed("set routes"))?;
        removed.map_err(failed("remove the tunnel"))
    }

    /// Takes away the device that encrypts, which an earlier run may have left.
    pub(super) fn open_up(&mut self) -> Result<(), NodeRoutesError> {
        let removed = wireguard::remove(&mut self.netlink, &self.settings.encrypting);
        removed.map_err(failed("remove the WireGuard device"))
    }
}
