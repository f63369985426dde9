//! Priority classes.

use jiff::Timestamp;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::check::{immutable, required_one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, Part};

/// The highest value of a class that is not Kubernetes' own.
const HIGHEST: i32 = 1_000_000_000;
/// What the names of Kubernetes' own classes begin with.
const SYSTEM_PREFIX: &str = "system-";

/// A class that is always there.
#[derive(Debug, Clone, Copy)]
pub struct SystemClass {
    /// Its name.
    pub name: &'static str,
    /// How much its pods matter.
    pub value: i32,
    /// What it is for.
    pub description: &'static str,
}

/// The classes that are always there.
pub const SYSTEM_CLASSES: &[SystemClass] = &[
    SystemClass {
        name: "system-node-critical",
        value: 2_000_001_000,
        description: "Used for system critical pods that must not be moved from their current node.",
    },
    SystemClass {
        name: "system-cluster-critical",
        value: 2_000_000_000,
        description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    },
];

impl Hooks for PriorityClass {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Value",
            "integer",
            "",
            0,
            "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
        ),
        Column::of(
            "Global-Default",
            "boolean",
            "",
            0,
            "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
        ),
        cell::AGE,
        Column::of(
            "PreemptionPolicy",
            "string",
            "",
            0,
            "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
        ),
    ];

    fn apply_defaults(&mut self) {
        self.value.get_or_insert(0);
        drop_empty(&mut self.description);
        drop_empty(&mut self.global_default);
        self.preemption_policy
            .get_or_insert_with(|| "PreemptLowerPriority".to_owned());
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let mut errors = ErrorList::new();
        if name.starts_with(SYSTEM_PREFIX) {
            if let Some(why) = not_of_the_system(self, name) {
                let detail = format!(
                    "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {why}"
                );
                errors.push(Error::forbidden(
                    &Path::new("metadata").child("name"),
                    detail,
                ));
            }
        } else if self.value.unwrap_or_default() > HIGHEST {
            let detail = format!("maximum allowed value of a user defined priority is {HIGHEST}");
            errors.push(Error::forbidden(&Path::new("value"), detail));
        }
        errors.extend(required_one_of(
            self.preemption_policy.as_deref(),
            &["PreemptLowerPriority", "Never"],
            &Path::new("preemptionPolicy"),
        ));
        errors
    }

    // Only what may not change is looked at.
    fn validate_change(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = ErrorList::new();
        if self.value.unwrap_or_default() != old.value.unwrap_or_default() {
            let detail = "may not be changed in an update.";
            errors.push(Error::forbidden(&Path::new("value"), detail));
        }
        errors.extend(immutable(
            &self.preemption_policy,
            &old.preemption_policy,
            &Path::new("preemptionPolicy"),
        ));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            self.value.unwrap_or_default().into(),
            self.global_default.unwrap_or_default().into(),
            cell::age(&self.metadata, now),
            self.preemption_policy.clone().unwrap_or_default().into(),
        ]
    }
}

/// Why a class is none of those that are always there.
fn not_of_the_system(class: &PriorityClass, name: &str) -> Option<String> {
    let Some(known) = SYSTEM_CLASSES.iter().find(|known| known.name == name) else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if class.value != Some(known.value) {
        return Some(format!(
            "value of {name} PriorityClass must be {}",
            known.value
        ));
    }
    (class.global_default == Some(true))
        .then(|| format!("globalDefault of {name} PriorityClass must be false"))
}
