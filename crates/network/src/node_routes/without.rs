//! The nodes to whose pods no way leads, and when that is told.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::plan::Plan;

/// How long a node that has just come has to say its key: till then nobody is told that it has not.
const GRACE: Duration = Duration::from_secs(10);

const ADDRESS: &str = "it has no address that the tunnel could lead to";
const KEY: &str =
    "packets to them must be encrypted, and it has not said by which key; none are sent";

type Why = Cow<'static, str>;

/// Those that are known, by name.
#[derive(Default)]
pub(super) struct Without(BTreeMap<String, Known>);

struct Known {
    why: Why,
    due: Instant,
    is_told: bool,
}

impl Without {
    /// Has them be those of the plan. What is to be told now: of which, and why.
    pub(super) fn update(&mut self, plan: &Plan, now: Instant) -> Vec<(String, Why)> {
        let unreachable = plan
            .unreachable
            .iter()
            .map(|node| (node, ADDRESS.into(), now));
        let keyless = plan.keyless.iter();
        let keyless = keyless.map(|node| (node, KEY.into(), now + GRACE));
        let doubled = plan.doubled.iter();
        let doubled = doubled.map(|(node, holder)| (node, of_another(holder), now));
        let mut all = BTreeMap::new();
        for (node, why, due) in unreachable.chain(keyless).chain(doubled) {
            let known = self.0.remove(node).filter(|known| known.why == why);
            let new = Known {
                why,
                due,
                is_told: false,
            };
            all.insert(node.clone(), known.unwrap_or(new));
        }
        self.0 = all;
        let mut told = Vec::new();
        for (node, known) in &mut self.0 {
            if !known.is_told && known.due <= now {
                known.is_told = true;
                told.push((node.clone(), known.why.clone()));
            }
        }
        told
    }

    /// Waits until there is something to tell; for ever if there is nothing.
    pub(super) async fn due(&self) {
        let untold = self.0.values().filter(|known| !known.is_told);
        match untold.map(|known| known.due).min() {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

fn of_another(holder: &str) -> Why {
    let why = format!(
        "packets to them must be encrypted, and the key that it says is that of node {holder} as well; none are sent"
    );
    why.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_has_just_come_has_time_to_say_its_key() {
        let mut without = Without::default();
        let now = Instant::now();
        let plan = |unreachable: &[&str], keyless: &[&str]| Plan {
            unreachable: unreachable.iter().copied().map(str::to_owned).collect(),
            keyless: keyless.iter().copied().map(str::to_owned).collect(),
            ..Plan::default()
        };
        let mut told = |plan: &Plan, after: Duration| -> Vec<String> {
            let all = without.update(plan, now + after);
            all.into_iter().map(|(node, _)| node).collect()
        };
        assert_eq!(told(&plan(&["a"], &["b", "c"]), Duration::ZERO), ["a"]);
        let late = GRACE + Duration::from_secs(1);
        assert!(told(&plan(&["a"], &["b"]), GRACE / 2).is_empty());
        // Once. One that went meanwhile has its time again.
        assert_eq!(told(&plan(&["a"], &["b", "c"]), GRACE), ["b"]);
        assert!(told(&plan(&["a"], &["b", "c"]), late).is_empty());
        assert_eq!(told(&plan(&["b"], &["c"]), GRACE * 2), ["b", "c"]);
        // What is another's is told at once, and of the other.
        let doubled = [("c".to_owned(), "z".to_owned())].into();
        let doubled = Plan {
            doubled,
            ..Plan::default()
        };
        let told = without.update(&doubled, now + GRACE * 2);
        assert!(told.len() == 1 && told[0].0 == "c", "{told:?}");
        assert!(told[0].1.contains("node z"), "{told:?}");
    }
}
