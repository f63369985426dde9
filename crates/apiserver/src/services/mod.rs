//! Cluster addresses and node ports of services.
//!
//! What a service holds is in the store beside it, written and deleted in the very transaction that writes or deletes the
//! service: an IPAddress object for its address, and a key for each of its ports. So two services can never hold the same,
//! whichever server they come through, nothing leaks, and nothing has to be rebuilt when a server starts.

mod addresses;
mod ports;
mod range;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use navarch_api::core::service::node_ports::{self, Refusal};
use navarch_api::core::service::{
    allocate, needs_cluster_ip, needs_health_check_port, service_type,
};
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::ranges::Ranges;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Op, Snapshot};
use serde_json::json;

use crate::registry::Extra;
use crate::served::Directory;

/// The addresses and ports there are when a cluster starts.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) addresses: Ranges,
    pub(crate) ports: RangeInclusive<u16>,
}

/// What a service holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
}

/// What is to become of a service.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// What it was.
    pub(crate) old: Option<&'a dyn Object>,
    /// Whether nothing is to be kept, so that nothing need be free.
    pub(crate) dry_run: bool,
    /// When it is wished.
    pub(crate) now: Timestamp,
}

impl Services {
    /// The families of addresses that this cluster has.
    fn families(&self) -> Vec<&'static str> {
        let family = |range: ipnet::IpNet| match range.addr() {
            IpAddr::V4(_) => "IPv4",
            IpAddr::V6(_) => "IPv6",
        };
        self.addresses.iter().map(family).collect()
    }

    /// Chooses what the service leaves open and adds to its transaction what reserves it; gives back what it held before
    /// and holds no more.
    pub(crate) fn reserve(
        &self,
        snapshot: &dyn Snapshot,
        directory: &Directory,
        object: &mut dyn Object,
        wish: Wish<'_>,
        extra: &mut Extra,
    ) -> Result<()> {
        let old = wish.old;
        let before = old
            .and_then(|old| old.as_any().downcast_ref())
            .map(held)
            .unwrap_or_default();
        let Some(service) = object.as_any_mut().downcast_mut::<Service>() else {
            return Ok(());
        };
        let (namespace, name) = owner_of(service);
        let old_spec = old.and_then(|old| old.as_any().downcast_ref::<Service>()?.spec.as_ref());
        let Some(spec) = service.spec.as_mut() else {
            return Ok(());
        };
        if let Some(old) = old_spec {
            allocate::carry_over(spec, old);
        }
        allocate::align_cluster_ips(spec, old_spec);
        let errors = allocate::set_ip_families(spec, old_spec, &self.families());
        if !errors.is_empty() {
            return Err(StatusError::invalid("", "Service", &name, &errors));
        }
        let kept = old_spec.filter(|old| needs_cluster_ip(old));
        let kept = kept.map_or(0, |old| old.cluster_ips.iter().flatten().count());
        self.choose_addresses(snapshot, directory, &name, spec, kept, wish.dry_run)
            .map_err(|refused| refused.status(&name))?;
        let mut ports = ports::Ports::new(self, snapshot, wish.dry_run);
        node_ports::allocate(spec, old_spec, &mut ports).map_err(|refusal| match refusal {
            Refusal::Invalid(error) => StatusError::invalid("", "Service", &name, &vec![error]),
            Refusal::Internal(why) => StatusError::internal(why),
            Refusal::Unexplained(why) => StatusError::new(500, "", why),
        })?;
        let after = held(service);
        let owner = (namespace.as_str(), name.as_str());
        for address in without(&after.addresses, &before.addresses) {
            addresses::take(directory, address, (owner, wish.now), extra)?;
        }
        for address in without(&before.addresses, &after.addresses) {
            addresses::give_back(snapshot, directory, address, owner, extra)?;
        }
        for key in ports::keys(&after, &before) {
            extra.compare.push(Compare::Absent(key.as_str().into()));
            let value = json!({ "service": format!("{namespace}/{name}") });
            extra.ops.push(Op::Put {
                key: key.into(),
                value: value.to_string().into_bytes().into(),
                stamp: None,
            });
        }
        give_back_ports(&before, &after, extra);
        Ok(())
    }

    /// Gives back all that a service holds.
    pub(crate) fn release(
        &self,
        snapshot: &dyn Snapshot,
        directory: &Directory,
        object: &dyn Object,
        extra: &mut Extra,
    ) -> Result<()> {
        let Some(service) = object.as_any().downcast_ref::<Service>() else {
            return Ok(());
        };
        let (held, (namespace, name)) = (held(service), owner_of(service));
        give_back_ports(&held, &Held::default(), extra);
        held.addresses.into_iter().try_for_each(|address| {
            addresses::give_back(snapshot, directory, address, (&namespace, &name), extra)
        })
    }
}

fn owner_of(service: &Service) -> (String, String) {
    let meta = &service.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&meta.namespace), text(&meta.name))
}

/// Those that are not among the others.
fn without(these: &[IpAddr], others: &[IpAddr]) -> Vec<IpAddr> {
    let rest = these.iter().filter(|address| !others.contains(address));
    rest.copied().collect()
}

fn give_back_ports(before: &Held, after: &Held, extra: &mut Extra) {
    let keys = ports::keys(before, after).into_iter();
    extra.ops.extend(keys.map(|key| Op::Delete {
        key: key.into(),
        last: None,
    }));
}

/// Why a service cannot have what it asks for.
enum Refused {
    /// 422, at a field.
    Invalid(Error),
    /// 500: there is nothing left.
    Full(&'static str),
    /// What is stored cannot be read.
    Broken(StatusError),
}

impl Refused {
    fn invalid(path: &Path, value: serde_json::Value, why: String) -> Self {
        Self::Invalid(Error::invalid(path, value, why))
    }

    fn status(self, name: &str) -> StatusError {
        match self {
            Self::Invalid(error) => StatusError::invalid("", "Service", name, &vec![error]),
            Self::Full(why) => StatusError::internal(why),
            Self::Broken(error) => error,
        }
    }
}

fn held(service: &Service) -> Held {
    let Some(spec) = &service.spec else {
        return Held::default();
    };
    if service_type(spec) == "ExternalName" {
        return Held::default();
    }
    let all = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    let mut addresses: Vec<IpAddr> = all.filter_map(|address| address.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut ports: Vec<u16> = Vec::new();
    if matches!(service_type(spec), "NodePort" | "LoadBalancer") {
        let given = spec
            .ports
            .iter()
            .flatten()
            .filter_map(|port| port.node_port)
            .chain(
                spec.health_check_node_port
                    .filter(|_| needs_health_check_port(spec)),
            );
        ports.extend(
            given
                .filter_map(|port| u16::try_from(port).ok())
                .filter(|port| *port > 0),
        );
        ports.sort_unstable();
        ports.dedup();
    }
    Held { addresses, ports }
}

/// A free one of `total`, the upper band first: the lower `reserved` are left to those who ask for a certain one.
fn choose(total: u32, reserved: u32, is_free: impl Fn(u32) -> bool) -> Option<u32> {
    let bands = [
        (reserved, total.saturating_sub(reserved)),
        (0, reserved.min(total)),
    ];
    bands.into_iter().find_map(|(start, length)| {
        if length == 0 {
            return None;
        }
        let first = u32::try_from(crate::random::number() % u64::from(length)).unwrap_or(0);
        (0..length)
            .map(|step| start + (first + step) % length)
            .find(|at| is_free(*at))
    })
}
