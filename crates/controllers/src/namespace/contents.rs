//! What is left in a namespace that is being emptied, and how its conditions tell it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NamespaceCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What is left of one resource after its objects were deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// The plural.
    pub resource: String,
    /// The group.
    pub group: String,
    /// The version.
    pub version: String,
    /// How many objects there still are.
    pub count: usize,
    /// How many of them each finalizer holds.
    pub finalizers: BTreeMap<String, usize>,
    /// The seconds of grace that the objects may take yet, at most.
    pub grace: i64,
    /// Why they could not be deleted.
    pub error: Option<String>,
}

/// What is left of all resources.
#[derive(Debug, Default)]
pub struct Contents {
    /// The resources of which something is left, or of which nobody knows.
    pub left: Vec<Left>,
}

/// The conditions in their order, with what they say while all goes well.
const CONDITIONS: [(&str, &str, &str); 5] = [
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    (
        "NamespaceContentRemaining",
        "ContentRemoved",
        "All content successfully removed",
    ),
    (
        "NamespaceFinalizersRemaining",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
];

impl Left {
    /// The failure that Kubernetes reports where objects stay though neither a finalizer nor grace holds them.
    pub fn unexpected(&self, namespace: &str) -> Option<String> {
        let held = self.count == 0 || !self.finalizers.is_empty() || self.grace > 0;
        (!held).then(|| {
            let Self { group, version, resource, .. } = self;
            format!(
                "unexpected items still remain in namespace: {namespace} for gvr: {group}/{version}, Resource={resource}"
            )
        })
    }
}

impl Contents {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.left
            .iter()
            .all(|left| left.count == 0 && left.error.is_none())
    }

    /// Why something could not be deleted.
    pub fn errors(&self) -> Vec<&str> {
        let mut errors: Vec<&str> = self
            .left
            .iter()
            .filter_map(|left| left.error.as_deref())
            .collect();
        errors.sort_unstable();
        errors
    }

    /// The longest grace that anything has left, in seconds.
    pub fn grace(&self) -> i64 {
        self.left.iter().map(|left| left.grace).max().unwrap_or(0)
    }

    /// The conditions that tell this, in place of those `before`: their transition times stay where their status does.
    pub fn conditions(
        &self,
        before: &[NamespaceCondition],
        now: Timestamp,
    ) -> Vec<NamespaceCondition> {
        let mut conditions = before.to_vec();
        for (kind, ok_reason, ok_message) in CONDITIONS {
            let (status, reason, message) = match self.problem(kind) {
                Some((reason, message)) => ("True", reason, message),
                None => ("False", ok_reason, ok_message.to_owned()),
            };
            let known = conditions
                .iter()
                .position(|condition| condition.type_ == kind);
            let since = known
                .map(|at| &conditions[at])
                .filter(|old| old.status == status);
            let next = NamespaceCondition {
                type_: kind.to_owned(),
                status: status.to_owned(),
                last_transition_time: since
                    .map_or(Some(Time(now)), |old| old.last_transition_time.clone()),
                reason: Some(reason.to_owned()),
                message: Some(message),
            };
            match known {
                Some(at) => conditions[at] = next,
                None => conditions.push(next),
            }
        }
        conditions
    }

    fn problem(&self, condition: &str) -> Option<(&'static str, String)> {
        match condition {
            "NamespaceDeletionContentFailure" => {
                let errors = self.errors();
                let message = format!(
                    "Failed to delete all resource types, {} remaining: {}",
                    errors.len(),
                    errors.join(", ")
                );
                (!errors.is_empty()).then_some(("ContentDeletionFailed", message))
            }
            "NamespaceContentRemaining" => {
                let left = self.left.iter().filter(|left| left.count > 0);
                let words = left.map(|left| {
                    format!(
                        "{}.{} has {} resource instances",
                        left.resource, left.group, left.count
                    )
                });
                told("Some resources are remaining: ", words.collect())
                    .map(|message| ("SomeResourcesRemain", message))
            }
            "NamespaceFinalizersRemaining" => {
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                for (finalizer, count) in self.left.iter().flat_map(|left| &left.finalizers) {
                    *counts.entry(finalizer).or_default() += count;
                }
                let words = counts
                    .iter()
                    .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
                told(
                    "Some content in the namespace has finalizers remaining: ",
                    words.collect(),
                )
                .map(|message| ("SomeFinalizersRemain", message))
            }
            _ => None,
        }
    }
}

fn told(before: &str, mut words: Vec<String>) -> Option<String> {
    words.sort();
    (!words.is_empty()).then(|| format!("{before}{}", words.join(", ")))
}
