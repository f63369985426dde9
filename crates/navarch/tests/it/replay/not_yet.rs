//! The list of answers that are not yet as recorded. It only gets shorter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::recording;

/// How many lines of differences are shown with a step.
const SHOWN: usize = 4;

/// A step as the list names it: `FILE STEP TITLE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepName(pub(super) String);

impl StepName {
    pub(super) fn new(file: &str, step: usize, title: &str) -> Self {
        Self(format!("{file} {step} {title}"))
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails when a step fails that is not on the list, and when one passes that is.
pub(super) fn hold_against_list(failed: &BTreeMap<StepName, Vec<String>>) {
    let list = list();
    let mut complaints = Vec::new();
    for (step, differences) in failed.iter().filter(|(step, _)| !list.contains(step)) {
        let shown = &differences[..differences.len().min(SHOWN)];
        complaints.push(format!("FAILED {step}\n       {}", shown.join("\n       ")));
    }
    for step in list.iter().filter(|step| !failed.contains_key(step)) {
        complaints.push(format!("PASSED {step}\n       remove it from the list"));
    }
    assert!(
        complaints.is_empty(),
        "{} steps are not as tests/recordings/not-yet.txt says:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

fn list() -> BTreeSet<StepName> {
    let text = std::fs::read_to_string(recording::directory().join("not-yet.txt")).unwrap();
    let steps = text.lines().map(str::trim_end);
    let steps = steps.filter(|line| !line.is_empty() && !line.starts_with('#'));
    steps.map(|line| StepName(line.to_owned())).collect()
}
