//! Node ports.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ServiceSpec;
use navarch_machinery::field::Path;
use navarch_store::Snapshot;
use serde_json::json;

use super::{Refused, Services, choose, kind, port_key};

impl Services {
    pub(super) fn choose_ports(
        &self,
        snapshot: &dyn Snapshot,
        spec: &mut ServiceSpec,
        before: &[u16],
    ) -> Result<(), Refused> {
        let wanted = match kind(spec) {
            "NodePort" => true,
            "LoadBalancer" => spec.allocate_load_balancer_node_ports != Some(false),
            _ => false,
        };
        let local = kind(spec) == "LoadBalancer"
            && spec.external_traffic_policy.as_deref() == Some("Local");
        let mut mine: BTreeSet<u16> = BTreeSet::new();
        for (at, port) in spec.ports.iter().flatten().enumerate() {
            if let Some(asked) = port.node_port.filter(|asked| *asked != 0) {
                let path = Path::new("spec").child("ports").index(at).child("nodePort");
                mine.insert(self.check_port(snapshot, &path, asked, before)?);
            }
        }
        for port in spec
            .ports
            .iter_mut()
            .flatten()
            .filter(|port| wanted && port.node_port.unwrap_or(0) == 0)
        {
            let chosen = self.choose_port(snapshot, &mine)?;
            mine.insert(chosen);
            port.node_port = Some(i32::from(chosen));
        }
        match spec.health_check_node_port.filter(|asked| *asked != 0) {
            Some(asked) if local => {
                self.check_port(
                    snapshot,
                    &Path::new("spec").child("healthCheckNodePort"),
                    asked,
                    before,
                )?;
            }
            None if local => {
                spec.health_check_node_port = Some(i32::from(self.choose_port(snapshot, &mine)?))
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
