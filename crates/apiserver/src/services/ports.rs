//! Node ports.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ServiceSpec;
use navarch_api::core::service::allocate::{self, WantedPort};
use navarch_api::core::service::needs_health_check_port;
use navarch_machinery::field::Path;
use navarch_store::Snapshot;
use serde_json::json;

use super::{Held, Refused, Services, choose};

impl Services {
    pub(super) fn choose_ports(
        &self,
        snapshot: &dyn Snapshot,
        spec: &mut ServiceSpec,
        before: &[u16],
    ) -> Result<(), Refused> {
        let wanted = allocate::wanted_node_ports(spec);
        let mut mine: BTreeSet<u16> = BTreeSet::new();
        let mut given: Vec<Option<u16>> = Vec::with_capacity(wanted.len());
        for (at, wanted) in wanted.iter().enumerate() {
            if let WantedPort::Number(asked) = wanted {
                let path = Path::new("spec").child("ports").index(at).child("nodePort");
                mine.insert(self.check_port(snapshot, &path, *asked, before)?);
            }
        }
        for wanted in wanted {
            given.push(match wanted {
                WantedPort::Number(asked) => u16::try_from(asked).ok(),
                WantedPort::SameAs(other) => given.get(other).copied().flatten(),
                WantedPort::Nothing => None,
                WantedPort::Any => {
                    let chosen = self.choose_port(snapshot, &mine)?;
                    mine.insert(chosen);
                    Some(chosen)
                }
            });
        }
        for (port, given) in spec.ports.iter_mut().flatten().zip(given) {
            if let Some(given) = given {
                port.node_port = Some(i32::from(given));
            }
        }
        match spec.health_check_node_port.filter(|asked| *asked != 0) {
            Some(asked) if needs_health_check_port(spec) => {
                let path = Path::new("spec").child("healthCheckNodePort");
                self.check_port(snapshot, &path, asked, before)?;
            }
            None if needs_health_check_port(spec) => {
                spec.health_check_node_port = Some(i32::from(self.choose_port(snapshot, &mine)?));
            }
            _ => {}
        }
        Ok(())
    }

    fn check_port(
        &self,
        snapshot: &dyn Snapshot,
        path: &Path,
        asked: i32,
        before: &[u16],
    ) -> Result<u16, Refused> {
        let refuse = |why: String| Err(Refused::invalid(path, json!(asked), why));
        match u16::try_from(asked) {
            Ok(port) if before.contains(&port) => Ok(port),
            Ok(port) if !self.ports.contains(&port) => refuse(self.out_of_range()),
            Ok(port) if snapshot.get(&port_key(port)).is_some() => {
                refuse("provided port is already allocated".into())
            }
            Ok(port) => Ok(port),
            Err(_) => refuse(self.out_of_range()),
        }
    }

    fn out_of_range(&self) -> String {
        let (first, last) = (self.ports.start(), self.ports.end());
        format!(
            "provided port is not in the valid range. The range of valid ports is {first}-{last}"
        )
    }

    fn choose_port(&self, snapshot: &dyn Snapshot, mine: &BTreeSet<u16>) -> Result<u16, Refused> {
        let first = u32::from(*self.ports.start());
        let total = u32::from(*self.ports.end()).saturating_sub(first) + 1;
        let reserved = if total <= 16 {
            0
        } else {
            (total / 32).clamp(16, 128)
        };
        let port = |index: u32| u16::try_from(first + index).unwrap_or(u16::MAX);
        let free = |index: u32| {
            !mine.contains(&port(index)) && snapshot.get(&port_key(port(index))).is_none()
        };
        choose(total, reserved, free).map(port).ok_or(Refused::Full(
            "failed to allocate a nodePort: range is full",
        ))
    }
}

/// The keys of ports that are held by the first and not by the second.
pub(super) fn keys(held: &Held, not: &Held) -> Vec<String> {
    let ports = held.ports.iter().filter(|port| !not.ports.contains(port));
    ports.copied().map(port_key).collect()
}

fn port_key(port: u16) -> String {
    format!("nodeports/{port}")
}
