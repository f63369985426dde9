//! What one service is to have, and what is to be written of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::PatchKind;
use navarch_api::segment_addresses::{CONDITION, condition, given, ingress, message};
use navarch_client::{EventType, ObjectKey};
use serde_json::{Value, json};

use super::pool::Pool;
use crate::{Action, Note};

/// A service that is to have addresses.
pub(super) struct Claim<'a> {
    service: &'a Arc<Service>,
    /// One a family, in the service's order, of those that the pool has.
    slots: Vec<Slot>,
    /// `spec.loadBalancerIP`.
    wish: Option<IpAddr>,
    /// Why it does not have all.
    problem: Option<String>,
}

struct Slot {
    ipv4: bool,
    address: Option<IpAddr>,
}

/// The addresses in a service's status.
pub(super) fn present(service: &Service) -> impl Iterator<Item = IpAddr> {
    let all = ingress(service).iter();
    all.filter_map(|ingress| ingress.ip.as_deref()?.parse().ok())
}

impl<'a> Claim<'a> {
    pub(super) fn of(service: &'a Arc<Service>, pool: &Pool) -> Self {
        let spec = service.spec.as_ref();
        let families = spec.and_then(|spec| spec.ip_families.as_ref());
        let families = families.into_iter().flatten().map(|name| name == "IPv4");
        let slot = |ipv4| Slot {
            ipv4,
            address: None,
        };
        let slots = families.filter(|ipv4| pool.has_family(*ipv4));
        let mut claim = Self {
            service,
            slots: slots.map(slot).collect(),
            wish: None,
            problem: None,
        };
        if claim.slots.is_empty() {
            claim.problem = Some("there are no addresses of the service's families".to_owned());
        }
        let wish = spec.and_then(|spec| spec.load_balancer_ip.as_deref());
        if let Some(wish) = wish.filter(|wish| !wish.is_empty()) {
            claim.wish_for(wish, pool);
        }
        claim
    }

    /// Who asks for an address that cannot be theirs has none: another is not what they want.
    fn wish_for(&mut self, wish: &str, pool: &Pool) {
        let address: Option<IpAddr> = wish.parse().ok();
        let has_family = |ip: &IpAddr| self.slots.iter().any(|it| it.ipv4 == ip.is_ipv4());
        match address.filter(|ip| has_family(ip) && pool.contains(*ip)) {
            Some(ip) => self.wish = Some(ip),
            None => {
                self.slots.clear();
                self.problem = Some(format!("{wish} is none of the addresses there are for it"));
            }
        }
    }

    /// The older comes first.
    pub(super) fn age(&self) -> (Option<Time>, ObjectKey) {
        let metadata = &self.service.metadata;
        (metadata.creation_timestamp.clone(), ObjectKey::of(metadata))
    }

    fn wish_of(&self, ipv4: bool) -> Option<IpAddr> {
        self.wish.filter(|wish| wish.is_ipv4() == ipv4)
    }

    /// Keeps what it has.
    pub(super) fn keep(&mut self, pool: &Pool, taken: &mut BTreeSet<IpAddr>) {
        for at in 0..self.slots.len() {
            let ipv4 = self.slots[at].ipv4;
            let wish = self.wish_of(ipv4);
            let mut has = present(self.service).filter(|ip| ip.is_ipv4() == ipv4);
            let is_right = |ip: &IpAddr| {
                pool.contains(*ip) && wish.is_none_or(|wish| wish == *ip) && taken.insert(*ip)
            };
            self.slots[at].address = has.find(is_right);
        }
    }

    /// What is in its status and is not kept.
    pub(super) fn given_up(&self) -> impl Iterator<Item = IpAddr> {
        let kept: Vec<_> = self.slots.iter().filter_map(|slot| slot.address).collect();
        present(self.service).filter(move |ip| !kept.contains(ip))
    }

    /// Takes the one that is asked for.
    pub(super) fn take_wanted(&mut self, pool: &Pool, taken: &mut BTreeSet<IpAddr>) {
        let Some(wish) = self.wish else {
            return;
        };
        let open = |slot: &&mut Slot| slot.ipv4 == wish.is_ipv4() && slot.address.is_none();
        if let Some(slot) = self.slots.iter_mut().find(open) {
            match pool.contains(wish) && taken.insert(wish) {
                true => slot.address = Some(wish),
                false => self.problem = Some(format!("{wish} is another's")),
            }
        }
    }

    /// Takes what is left, where no certain one is asked for.
    pub(super) fn take_any(&mut self, mut next: impl FnMut(bool) -> Option<IpAddr>) {
        for at in 0..self.slots.len() {
            let ipv4 = self.slots[at].ipv4;
            if self.slots[at].address.is_some() || self.wish_of(ipv4).is_some() {
                continue;
            }
            self.slots[at].address = next(ipv4);
            if self.slots[at].address.is_none() {
                let family = if ipv4 { "IPv4" } else { "IPv6" };
                self.problem = Some(format!("no address of {family} is left"));
            }
        }
    }

    /// What is to be written where it is not so yet, and told.
    pub(super) fn written(&self, now: Timestamp) -> Option<Action> {
        let addresses = self.slots.iter().filter_map(|slot| slot.address);
        let addresses: Vec<IpAddr> = addresses.collect();
        let (status, reason, message) = self.told(&addresses);
        let given: Vec<LoadBalancerIngress> = addresses.into_iter().map(entry).collect();
        let said = condition(self.service);
        let is_said = said.is_some_and(|said| {
            (said.status.as_str(), said.reason.as_str(), &said.message)
                == (status, reason, &message)
        });
        if is_said && ingress(self.service) == given {
            return None;
        }
        let since = said.filter(|said| said.status == status);
        let since = since.map_or(Time(now), |said| said.last_transition_time.clone());
        let condition = json!({
            "type": CONDITION, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": since, "observedGeneration": self.service.metadata.generation,
        });
        let kind = match self.problem {
            None => EventType::Normal,
            Some(_) => EventType::Warning,
        };
        let note = Note {
            about: self.service.clone(),
            kind,
            reason,
            message,
        };
        Some(patch(self.service, &json!(given), &condition).telling(note))
    }

    fn told(&self, given: &[IpAddr]) -> (&'static str, &'static str, String) {
        let message = message(given, self.problem.as_deref());
        match &self.problem {
            None => ("True", "AddressAllocated", message),
            Some(_) => ("False", "AllocationFailed", message),
        }
    }
}

fn entry(ip: IpAddr) -> LoadBalancerIngress {
    LoadBalancerIngress {
        ip: Some(ip.to_string()),
        ip_mode: Some("VIP".to_owned()),
        ..LoadBalancerIngress::default()
    }
}

/// A service that is to have none of these addresses any more, and has been given some. What somebody else has given it stays.
pub(super) fn withdrawn(service: &Arc<Service>) -> Option<Action> {
    condition(service)?;
    let ours: Vec<IpAddr> = given(service).collect();
    let is_ours = |it: &&LoadBalancerIngress| {
        let ip = it.ip.as_deref().and_then(|ip| ip.parse().ok());
        ip.is_some_and(|ip| ours.contains(&ip))
    };
    let others: Vec<_> = ingress(service).iter().filter(|it| !is_ours(it)).collect();
    let deleted = json!({"$patch": "delete", "type": CONDITION});
    Some(patch(service, &json!(others), &deleted))
}

fn patch(service: &Service, ingress: &Value, condition: &Value) -> Action {
    let patch = json!({
        // What somebody else has written in the meantime is looked at first.
        "metadata": {"uid": service.metadata.uid, "resourceVersion": service.metadata.resource_version},
        "status": {"loadBalancer": {"ingress": ingress}, "conditions": [condition]},
    });
    Action::patch_status(service, PatchKind::Strategic, patch).idempotent()
}
