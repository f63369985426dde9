//! A deployment never asks for more pods than it may have.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::{controller, replicas, surge_and_unavailable, uid};
use crate::witness::{Change, Invariant, State};

/// When a replica set grows, all of the deployment's together are within replicas and surge: those of now, or of a version that the
/// controller has not yet said to have left behind.
#[derive(Debug, Default)]
pub struct KeepsToSurge {
    /// By the deployment's uid: generations with the most pods that they allow.
    allowed: BTreeMap<String, BTreeMap<i64, i32>>,
}

impl Invariant for KeepsToSurge {
    fn see(&mut self, change: &Change, state: &State) -> Result<(), String> {
        match change {
            Change::Deployment(_, Some(deployment)) => {
                self.allow(deployment);
                Ok(())
            }
            Change::Deployment(Some(deployment), None) => {
                self.allowed.remove(uid(&deployment.metadata));
                Ok(())
            }
            Change::ReplicaSet(before, Some(set))
                if wanted(set) > before.as_ref().map_or(0, |before| wanted(before)) =>
            {
                self.check(set, state)
            }
            _ => Ok(()),
        }
    }
}

impl KeepsToSurge {
    fn allow(&mut self, deployment: &Deployment) {
        let (surge, _) = surge_and_unavailable(deployment);
        let most = replicas(deployment) + surge;
        let generation = deployment.metadata.generation.unwrap_or(0);
        let observed = deployment.status.as_ref();
        let observed = observed
            .and_then(|status| status.observed_generation)
            .unwrap_or(0);
        let all = self
            .allowed
            .entry(uid(&deployment.metadata).to_owned())
            .or_default();
        all.insert(generation, most);
        *all = all.split_off(&observed.min(generation));
    }

    fn check(&self, set: &ReplicaSet, state: &State) -> Result<(), String> {
        let Some(owner) = controller(&set.metadata) else {
            return Ok(());
        };
        let Some(allowed) = self.allowed.get(owner).and_then(|all| all.values().max()) else {
            return Ok(());
        };
        let all = state.replica_sets.values();
        let all = all.filter(|set| controller(&set.metadata) == Some(owner));
        let sum: i32 = all.map(|set| wanted(set)).sum();
        if sum > *allowed {
            return Err(format!(
                "its deployment may have {allowed} pods, and asks for {sum}"
            ));
        }
        Ok(())
    }
}

fn wanted(set: &ReplicaSet) -> i32 {
    set.spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}
