//! Cluster addresses and node ports of services.
//!
//! What a service holds is a key of its own in the store, written and deleted in the very transaction that writes or
//! deletes the service. So two services can never hold the same, whichever server they come through, nothing leaks, and
//! nothing has to be rebuilt when a server starts.

mod addresses;
mod ports;

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Service;
use navarch_api::core::service::{allocate, service_type};
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Op, Snapshot};
use serde_json::json;

use crate::registry::Extra;

/// The addresses and ports there are.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) addresses: Ipv4Net,
    pub(crate) ports: RangeInclusive<u16>,
}

/// The families of addresses that this cluster has.
const FAMILIES: &[&str] = &["IPv4"];

/// What a service holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    address: Option<Ipv4Addr>,
    ports: Vec<u16>,
}

impl Services {
    /// Chooses what the service leaves open and adds to its transaction what reserves it; gives back what it held before
    /// and holds no more.
    pub(crate) fn reserve(
        &self,
        snapshot: &dyn Snapshot,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
        extra: &mut Extra,
    ) -> Result<()> {
        let before = old
            .and_then(|old| old.as_any().downcast_ref())
            .map(held)
            .unwrap_or_default();
        let Some(service) = object.as_any_mut().downcast_mut::<Service>() else {
            return Ok(());
        };
        let name = service.metadata.name.clone().unwrap_or_default();
        let owner = format!(
            "{}/{name}",
            service.metadata.namespace.as_deref().unwrap_or_default()
        );
        let old_spec = old.and_then(|old| old.as_any().downcast_ref::<Service>()?.spec.as_ref());
        let Some(spec) = service.spec.as_mut() else {
            return Ok(());
        };
        if let Some(old) = old_spec {
            allocate::carry_over(spec, old);
        }
        allocate::align_cluster_ips(spec, old_spec);
        let errors = allocate::set_ip_families(spec, old_spec, FAMILIES);
        if !errors.is_empty() {
            return Err(StatusError::invalid("", "Service", &name, &errors));
        }
        self.choose_address(snapshot, spec, before.address)
            .and_then(|()| self.choose_ports(snapshot, spec, &before.ports))
            .map_err(|refused| refused.status(&name))?;
        let after = held(service);
        let taken = keys(&after)
            .into_iter()
            .filter(|key| !keys(&before).contains(key));
        for key in taken {
            extra.compare.push(Compare::Absent(key.as_str().into()));
            let value = json!({ "service": owner }).to_string().into_bytes().into();
            extra.ops.push(Op::Put {
                key: key.into(),
                value,
                stamp: None,
            });
        }
        for key in keys(&before)
            .into_iter()
            .filter(|key| !keys(&after).contains(key))
        {
            extra.ops.push(Op::Delete {
                key: key.into(),
                last: None,
            });
        }
        Ok(())
    }

    /// Gives back all that a service holds.
    pub(crate) fn release(&self, object: &dyn Object, extra: &mut Extra) {
        let held = object.as_any().downcast_ref().map(held).unwrap_or_default();
        extra
            .ops
            .extend(keys(&held).into_iter().map(|key| Op::Delete {
                key: key.into(),
                last: None,
            }));
    }
}

/// Why a service cannot have what it asks for.
enum Refused {
    /// 422, at a field.
    Invalid(Error),
    /// 500: there is nothing left.
    Full(&'static str),
}

impl Refused {
    fn invalid(path: &Path, value: serde_json::Value, why: String) -> Self {
        Self::Invalid(Error::invalid(path, value, why))
    }

    fn status(self, name: &str) -> StatusError {
        match self {
            Self::Invalid(error) => StatusError::invalid("", "Service", name, &vec![error]),
            Self::Full(why) => StatusError::internal(why),
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
    let address = spec
        .cluster_ip
        .as_deref()
        .and_then(|address| address.parse().ok());
    let mut ports: Vec<u16> = Vec::new();
    if matches!(service_type(spec), "NodePort" | "LoadBalancer") {
        let given = spec
            .ports
            .iter()
            .flatten()
            .filter_map(|port| port.node_port)
            .chain(spec.health_check_node_port);
        ports.extend(
            given
                .filter_map(|port| u16::try_from(port).ok())
                .filter(|port| *port > 0),
        );
        ports.sort_unstable();
        ports.dedup();
    }
    Held { address, ports }
}

fn keys(held: &Held) -> Vec<String> {
    let address = held.address.map(address_key);
    address
        .into_iter()
        .chain(held.ports.iter().copied().map(port_key))
        .collect()
}

fn address_key(address: Ipv4Addr) -> String {
    format!("serviceaddresses/{address}")
}

fn port_key(port: u16) -> String {
    format!("nodeports/{port}")
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
