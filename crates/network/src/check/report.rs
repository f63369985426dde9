//! What came of a check: a row for each place that was asked from, and a line for each thing that is wrong. Pure.

use std::collections::BTreeMap;

use super::findings::{Aspect, Findings, Tally};
use super::task::Place;

/// What came of a check.
#[derive(Debug, Default)]
pub struct Report {
    found: BTreeMap<(String, Place), Findings>,
    failures: Vec<String>,
    /// How many more there were than the askers had room for.
    more_failures: usize,
}

const COLUMNS: [Aspect; 6] = [
    Aspect::Pods,
    Aspect::Nodes,
    Aspect::Mtu,
    Aspect::Dns,
    Aspect::Services,
    Aspect::Policies,
];

impl Report {
    /// The head of [`Report::rows`].
    pub const HEAD: [&str; 8] = [
        "NODE", "FROM", "PODS", "NODES", "MTU", "DNS", "SERVICES", "POLICY",
    ];

    pub(crate) fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    pub(crate) fn add(&mut self, node: &str, place: Place, findings: Findings) {
        let failures = findings.failures.iter();
        let from = called(place);
        self.failures
            .extend(failures.map(|why| format!("from {node} ({from}): {why}")));
        self.more_failures += findings.more_failures;
        self.found.insert((node.to_owned(), place), findings);
    }

    /// A row for each node and one for a pod on each, as many cells as the head has. A number of how many is given where not all is well.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |((node, place), findings): (&(String, Place), &Findings)| {
            let mut row = vec![node.clone(), called(*place).to_owned()];
            row.extend(COLUMNS.map(|aspect| cell(aspect, findings)));
            row
        };
        self.found.iter().map(row).collect()
    }

    /// What is wrong, a line each.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.failures.clone();
        if self.more_failures > 0 {
            failures.push(format!("and {} more", self.more_failures));
        }
        failures
    }
}

fn called(place: Place) -> &'static str {
    match place {
        Place::Node => "node",
        Place::Pod => "pod",
    }
}

fn cell(aspect: Aspect, findings: &Findings) -> String {
    match (findings.tallies.get(&aspect), findings.mtu) {
        (None, _) => "-".to_owned(),
        (Some(Tally { passed, of }), Some(mtu)) if aspect == Aspect::Mtu && passed == of => {
            mtu.to_string()
        }
        (Some(Tally { passed, of }), _) if aspect == Aspect::Pods || passed != of => {
            format!("{passed}/{of}")
        }
        (Some(_), _) => "ok".to_owned(),
    }
}
