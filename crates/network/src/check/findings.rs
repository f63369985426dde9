//! What an asker has found. It has to fit into a termination message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// As much as Kubernetes keeps of a termination message.
const MESSAGE_BYTES: usize = 4096;

/// What is looked at: a column of the report each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Aspect {
    /// Each answerer is reached, and is the one that it should be.
    Pods,
    /// Each node is reached by its own address.
    Nodes,
    /// Packets as large as may be sent arrive.
    Mtu,
    /// Names lead to addresses.
    Dns,
    /// Addresses of services lead to who serves.
    Services,
    /// What a network policy forbids does not happen.
    Policies,
}

/// One thing that was looked at.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) aspect: Aspect,
    /// What is wrong.
    pub(crate) outcome: Result<(), String>,
    /// The largest packet that arrived.
    pub(crate) mtu: Option<u32>,
    /// Of a policy where plugins connect the pod: whether it is as if they applied it. Whether it is wrong where it is not is seen where all is known.
    pub(crate) by_plugins: Option<bool>,
}

impl Finding {
    pub(crate) fn new(aspect: Aspect, outcome: Result<(), String>) -> Self {
        Self {
            aspect,
            outcome,
            mtu: None,
            by_plugins: None,
        }
    }
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) of: usize,
}

/// All of one asker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Findings {
    pub(crate) tallies: BTreeMap<Aspect, Tally>,
    /// The smallest of the largest packets.
    pub(crate) mtu: Option<u32>,
    /// How many pods that plugins connect are reached although a policy forbids it. They are in no tally.
    #[serde(default)]
    pub(crate) unheld: usize,
    /// How many of those that are in the tally of policies plugins connect.
    #[serde(default)]
    pub(crate) held: usize,
    pub(crate) failures: Vec<String>,
    /// How many more there were than had room.
    pub(crate) more_failures: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        match finding.by_plugins {
            Some(false) => {
                self.unheld += 1;
                return;
            }
            Some(true) => self.held += 1,
            None => {}
        }
        let tally = self.tallies.entry(finding.aspect).or_default();
        tally.of += 1;
        match finding.outcome {
            Ok(()) => tally.passed += 1,
            Err(why) => self.failures.push(why),
        }
        self.mtu = match (self.mtu, finding.mtu) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }

    /// Adds what was not found out in time.
    pub(crate) fn add_unfinished(&mut self, aspects: &[Aspect], patience: u64) {
        for aspect in aspects {
            self.tallies.entry(*aspect).or_default().of += 1;
        }
        if !aspects.is_empty() {
            let count = aspects.len();
            let why = format!("{count} things were not asked to the end within {patience} s");
            self.failures.push(why);
        }
    }

    /// Whether it can be what an asker has said.
    pub(crate) fn is_sound(&self) -> bool {
        let policies = self.tallies.get(&Aspect::Policies);
        let policies = policies.map_or(0, |tally| tally.of);
        self.held <= policies && self.tallies.values().all(|tally| tally.passed <= tally.of)
    }

    /// As a message, with as many of the failures as there is room for.
    pub(crate) fn message(mut self) -> serde_json::Result<String> {
        let failures = std::mem::take(&mut self.failures);
        self.more_failures = failures.len();
        let mut room = MESSAGE_BYTES.saturating_sub(serde_json::to_string(&self)?.len());
        for failure in failures {
            // And a comma.
            let length = serde_json::to_string(&failure)?.len() + 1;
            if length > room {
                break;
            }
            room -= length;
            self.failures.push(failure);
            self.more_failures -= 1;
        }
        serde_json::to_string(&self)
    }
}
