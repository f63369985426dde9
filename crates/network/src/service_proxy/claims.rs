//! What all services are together, and what changes when one does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;

use navarch_client::ObjectKey;

use super::element::{Frontend, Key, Scope, Value};
use super::plan::{Flows, HealthCheck, Plan, Rank};

/// A service's claim to what is at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    rank: Rank,
    service: ObjectKey,
    value: Value,
}

/// The claims to one key. Rarely more than one.
#[derive(Debug)]
struct Claims {
    first: Claim,
    others: Vec<Claim>,
}

/// The plans of all services. Where two claim the same key, the one of the lower rank has it, and of those the first by name.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    claims: HashMap<Key, Claims>,
    services: HashMap<ObjectKey, Plan>,
}

/// What is to be changed in the tables: what was and what will be, by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    changed: BTreeMap<Key, (Option<Value>, Option<Value>)>,
}

impl Desired {
    /// Has a service be what its plan says; without one it is nothing.
    pub(crate) fn put(&mut self, service: &ObjectKey, plan: Option<Plan>, changes: &mut Changes) {
        let new = plan.unwrap_or_default();
        let firewalled = self.firewalled(service, &new);
        let old = self.services.remove(service).unwrap_or_default();
        for (key, claim) in claims_of(&old) {
            if new.elements.get(key) != Some(claim) {
                let before = self.value(key);
                self.withdraw(key, service);
                changes.note(*key, before, self.value(key));
            }
        }
        for (key, claim) in claims_of(&new) {
            if old.elements.get(key) != Some(claim) {
                let before = self.value(key);
                self.claim(*key, service, *claim);
                changes.note(*key, before, self.value(key));
            }
        }
        if new != Plan::default() {
            self.services.insert(service.clone(), new);
        }
        for (frontend, before) in firewalled {
            let after = self.allowed(frontend);
            for key in before.difference(&after) {
                changes.note(*key, Some(Value::Present), None);
            }
            for key in after.difference(&before) {
                changes.note(*key, None, Some(Value::Present));
            }
        }
    }

    /// The frontends that a service firewalls, or is to, each with those who may use it as of now.
    fn firewalled(&self, service: &ObjectKey, new: &Plan) -> BTreeMap<Frontend, BTreeSet<Key>> {
        let old = self.services.get(service);
        let plans = old.into_iter().chain([new]);
        let keys = plans.flat_map(|plan| plan.elements.keys());
        let frontends = keys.filter_map(|key| match key {
            Key::Firewalled(frontend) => Some(*frontend),
            _ => None,
        });
        frontends
            .map(|frontend| (frontend, self.allowed(frontend)))
            .collect()
    }

    /// Who may use a firewalled frontend: those that the service says whose frontend it is. What another says of it counts for nothing,
    /// for ranges of several services could overlap, which the kernel refuses.
    fn allowed(&self, frontend: Frontend) -> BTreeSet<Key> {
        let claims = self.claims.get(&Key::Firewalled(frontend));
        let plan = claims.and_then(|claims| self.services.get(&claims.first.service));
        let keys = plan.into_iter().flat_map(|plan| plan.elements.keys());
        keys.filter(|key| matches!(key, Key::Allowed(of, _) if *of == frontend))
            .copied()
            .collect()
    }

    /// Everything that is to be in the tables.
    pub(crate) fn elements(&self) -> impl Iterator<Item = (Key, Value)> {
        let claimed = self
            .claims
            .iter()
            .map(|(key, claims)| (*key, claims.first.value));
        let allowed = self.claims.keys().filter_map(|key| match key {
            Key::Firewalled(frontend) => Some(self.allowed(*frontend)),
            _ => None,
        });
        let allowed = allowed.flatten().map(|key| (key, Value::Present));
        claimed.chain(allowed)
    }

    /// What is to be at a key.
    pub(crate) fn value(&self, key: &Key) -> Option<Value> {
        self.claims.get(key).map(|claims| claims.first.value)
    }

    /// The services that are there in some way.
    pub(crate) fn services(&self) -> impl Iterator<Item = &ObjectKey> {
        self.services.keys()
    }

    /// Which services' endpoints load balancers ask for.
    pub(crate) fn health_checks(&self) -> impl Iterator<Item = (&ObjectKey, HealthCheck)> {
        self.services
            .iter()
            .filter_map(|(service, plan)| Some((service, plan.health_check?)))
    }

    /// The UDP flows of one service.
    pub(crate) fn flows_of(&self, service: &ObjectKey) -> &[Flows] {
        self.services.get(service).map_or(&[], |plan| &plan.flows)
    }

    /// Where clients of a frontend with session affinity may be sent; nothing where it has none.
    pub(crate) fn sticky_endpoints(&self, frontend: Frontend) -> HashSet<SocketAddr> {
        let mut endpoints = HashSet::new();
        for scope in [Scope::All, Scope::Inside] {
            let dispatch = self.value(&Key::Dispatch(scope, frontend));
            if let Some(Value::Choose {
                count,
                sticky: true,
            }) = dispatch
            {
                let of = |index| match self.value(&Key::Endpoint(scope, frontend, index)) {
                    Some(Value::Endpoint(endpoint)) => Some(endpoint),
                    _ => None,
                };
                endpoints.extend((0..count).filter_map(of));
            }
        }
        endpoints
    }

    fn claim(&mut self, key: Key, service: &ObjectKey, (rank, value): (Rank, Value)) {
        self.withdraw(&key, service);
        let mut claim = Claim {
            rank,
            service: service.clone(),
            value,
        };
        match self.claims.get_mut(&key) {
            None => {
                let claims = Claims {
                    first: claim,
                    others: Vec::new(),
                };
                self.claims.insert(key, claims);
            }
            Some(claims) => {
                if claim.order() < claims.first.order() {
                    std::mem::swap(&mut claim, &mut claims.first);
                }
                claims.others.push(claim);
            }
        }
    }

    fn withdraw(&mut self, key: &Key, service: &ObjectKey) {
        let Some(claims) = self.claims.get_mut(key) else {
            return;
        };
        if claims.first.service != *service {
            claims.others.retain(|claim| claim.service != *service);
            return;
        }
        let next = (0..claims.others.len()).min_by_key(|at| claims.others[*at].order());
        match next {
            Some(next) => claims.first = claims.others.swap_remove(next),
            None => drop(self.claims.remove(key)),
        }
    }
}

/// What of a plan is claimed for itself: who is allowed goes with what is firewalled.
fn claims_of(plan: &Plan) -> impl Iterator<Item = (&Key, &(Rank, Value))> {
    plan.elements
        .iter()
        .filter(|(key, _)| !matches!(key, Key::Allowed(..)))
}

impl Claim {
    fn order(&self) -> (Rank, ObjectKey) {
        (self.rank, self.service.clone())
    }
}

impl Changes {
    fn note(&mut self, key: Key, before: Option<Value>, after: Option<Value>) {
        let change = self.changed.entry(key).or_insert((before, after));
        change.1 = after;
        if change.0 == change.1 {
            self.changed.remove(&key);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// What goes, or changes.
    pub(crate) fn removed(&self) -> impl Iterator<Item = (Key, Value)> {
        self.changed
            .iter()
            .filter_map(|(key, (before, _))| Some((*key, (*before)?)))
    }

    /// What comes, or has changed.
    pub(crate) fn added(&self) -> impl Iterator<Item = (Key, Value)> {
        self.changed
            .iter()
            .filter_map(|(key, (_, after))| Some((*key, (*after)?)))
    }
}
