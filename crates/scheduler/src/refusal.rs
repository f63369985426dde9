//! Why no node takes a pod, in the words of Kubernetes' scheduler.

use std::collections::BTreeMap;

/// Why one node does not take a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// As `Insufficient cpu`.
    pub(crate) text: String,
    /// Whether it would be otherwise if pods of the node were gone.
    pub(crate) pods_are_in_the_way: bool,
}

/// Why no node takes a pod: how many nodes there are, and how many give which reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unschedulable {
    nodes: usize,
    reasons: BTreeMap<String, usize>,
    preemption: Preemption,
}

/// What came of the search for pods that could make way: none ever does yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Preemption {
    /// The pod's policy is that none makes way for it.
    Never,
    /// On so many nodes there was none to be found, and on so many it would not have helped.
    Nothing {
        without_victims: usize,
        unhelpful: usize,
    },
}

impl Unschedulable {
    /// Of so many nodes. `preempts`: whether the pod's `preemptionPolicy` lets others make way for it.
    pub(crate) fn of(nodes: usize, preempts: bool) -> Self {
        let preemption = if preempts {
            Preemption::Nothing {
                without_victims: 0,
                unhelpful: 0,
            }
        } else {
            Preemption::Never
        };
        Self {
            nodes,
            reasons: BTreeMap::new(),
            preemption,
        }
    }

    /// One more node refuses, for these reasons.
    pub(crate) fn add(&mut self, reasons: Vec<Reason>) {
        // One reason that stays without its pods is enough for them to be left alone.
        let in_the_way = reasons.iter().all(|reason| reason.pods_are_in_the_way);
        if let Preemption::Nothing {
            without_victims,
            unhelpful,
        } = &mut self.preemption
        {
            *(if in_the_way {
                without_victims
            } else {
                unhelpful
            }) += 1;
        }
        for reason in reasons {
            *self.reasons.entry(reason.text).or_insert(0) += 1;
        }
    }
}

impl std::fmt::Display for Unschedulable {
    /// `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: 0/3 nodes are available: …`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.nodes == 0 {
            return f.write_str("no nodes available to schedule pods");
        }
        let reasons = self
            .reasons
            .iter()
            .map(|(text, count)| (text.as_str(), *count));
        write!(f, "{} preemption: ", counted(self.nodes, reasons))?;
        match self.preemption {
            Preemption::Never => f.write_str("not eligible due to preemptionPolicy=Never."),
            Preemption::Nothing {
                without_victims,
                unhelpful,
            } => {
                let reasons = [
                    (
                        "No preemption victims found for incoming pod",
                        without_victims,
                    ),
                    ("Preemption is not helpful for scheduling", unhelpful),
                ];
                f.write_str(&counted(self.nodes, reasons))
            }
        }
    }
}

/// `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`
fn counted<'a>(nodes: usize, reasons: impl IntoIterator<Item = (&'a str, usize)>) -> String {
    let given = reasons.into_iter().filter(|(_, count)| *count > 0);
    let mut words: Vec<String> = given
        .map(|(text, count)| format!("{count} {text}"))
        .collect();
    words.sort();
    format!("0/{nodes} nodes are available: {}.", words.join(", "))
}
