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

/// As many lines as somebody may read; of more it is said how many there are.
const FAILURES: usize = 500;
/// The longest of them, in characters.
const LINE: usize = 500;

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

    pub(crate) fn fail(&mut self, why: &str) {
        match self.failures.len() < FAILURES {
            true => self.failures.push(line(why)),
            false => self.more_failures = self.more_failures.saturating_add(1),
        }
    }

    pub(crate) fn add(&mut self, node: &str, place: Place, findings: Findings) {
        for why in &findings.failures {
            self.fail(&format!("from {node} ({}): {why}", place.called()));
        }
        self.more_failures = self.more_failures.saturating_add(findings.more_failures);
        self.found.insert((node.to_owned(), place), findings);
    }

    /// A row for each node and one for a pod on each, as many cells as the head has. A number of how many is given where not all is well.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |((node, place), findings): (&(String, Place), &Findings)| {
            let mut row = vec![node.clone(), place.called().to_owned()];
            row.extend(COLUMNS.map(|aspect| cell(aspect, findings)));
            row
        };
        self.found.iter().map(row).collect()
    }

    /// How much is wrong.
    pub fn wrong(&self) -> usize {
        self.failures.len().saturating_add(self.more_failures)
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

/// One line of what strangers have said: a node can have its pods say anything.
fn line(text: &str) -> String {
    let shown = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    let mut line: String = text.chars().take(LINE).map(shown).collect();
    if text.chars().nth(LINE).is_some() {
        line.push('…');
    }
    line
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
