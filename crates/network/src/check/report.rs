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
    /// Whether plugins connect pods and apply no policy.
    is_without_policies: bool,
}

/// As many lines as somebody may read; of more it is said how many there are.
const FAILURES: usize = 500;
/// What stands below the rows where no policy is applied.
const WITHOUT_POLICIES: &str =
    "none: the plugins that connect these pods apply no network policies";
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
            row.extend(COLUMNS.map(|aspect| match aspect {
                Aspect::Policies => self.of_policies(findings),
                aspect => cell(aspect, findings),
            }));
            row
        };
        self.found.iter().map(row).collect()
    }

    fn of_policies(&self, findings: &Findings) -> String {
        let tally = findings.tallies.get(&Aspect::Policies).copied();
        let known = tally.unwrap_or_default();
        let is_asked = tally.is_some() || findings.unheld > 0;
        let is_of_plugins = findings.held > 0 || findings.unheld > 0;
        if self.is_without_policies && is_of_plugins && known.passed == known.of {
            // Beside them there may be pods of the nodes' own network.
            let has_others = known.of > findings.held;
            return if has_others { "ok, none" } else { "none" }.to_owned();
        }
        let all = Tally {
            of: known.of.saturating_add(findings.unheld),
            ..known
        };
        told(Aspect::Policies, is_asked.then_some(all), None)
    }

    /// To be called when all askers have said what they found. Where plugins held no pod to its policy, they apply none, which is nobody's fault;
    /// where they held some, those that they did not hold are wrong.
    pub(crate) fn judge_policies(&mut self) {
        let is_held = |((_, place), findings): (&(String, Place), &Findings)| {
            // A node reaches its own pods anyhow.
            *place == Place::Pod && findings.held > 0
        };
        let unheld: Vec<(String, usize)> = self
            .found
            .iter()
            .filter(|(_, findings)| findings.unheld > 0)
            .map(|((node, place), it)| (format!("{node} ({})", place.called()), it.unheld))
            .collect();
        self.is_without_policies = !unheld.is_empty() && !self.found.iter().any(is_held);
        if !self.is_without_policies {
            for (from, pods) in unheld {
                self.fail(&format!(
                    "from {from}: {pods} pods that plugins connect answer, and a network policy lets nobody in"
                ));
            }
        }
    }

    /// What is to be known of the rows, a line each.
    pub fn notes(&self) -> Vec<&'static str> {
        let without = self.is_without_policies.then_some(WITHOUT_POLICIES);
        without.into_iter().collect()
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
    let tally = findings.tallies.get(&aspect).copied();
    told(aspect, tally, findings.mtu)
}

fn told(aspect: Aspect, tally: Option<Tally>, mtu: Option<u32>) -> String {
    match (tally, mtu) {
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
