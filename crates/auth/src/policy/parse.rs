//! The table of roles and bindings, read. Its own head says what its lines are.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
    Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{AGGREGATE_TO, AUTO_UPDATE, Policy};

const GROUP: &str = "rbac.authorization.k8s.io";
const CORE: &str = "core";
const LABEL: (&str, &str) = ("kubernetes.io/bootstrapping", "rbac-defaults");

/// A line of the table that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy, line {line}: {reason}")]
pub struct PolicyError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The role that the lines are about.
#[derive(Default)]
struct Current {
    kind: &'static str,
    /// Another table has the role.
    is_elsewhere: bool,
    name: String,
    namespace: Option<String>,
    labels: BTreeMap<String, String>,
    made_of: Option<String>,
    rules: Vec<PolicyRule>,
}

pub(super) fn parse(table: &str) -> Result<Policy, PolicyError> {
    let mut policy = Policy::default();
    let mut current = Current::default();
    for (line, number) in table.lines().zip(1..) {
        let told = line.trim();
        if told.is_empty() || told.starts_with('#') {
            continue;
        }
        let read = if line.starts_with(' ') {
            current.line(told, &mut policy)
        } else {
            std::mem::take(&mut current).finish(&mut policy);
            Current::head(told).map(|head| current = head)
        };
        read.map_err(|reason| PolicyError {
            line: number,
            reason,
        })?;
    }
    current.finish(&mut policy);
    Ok(policy)
}

impl Current {
    fn head(line: &str) -> Result<Self, &'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_elsewhere = words.first() == Some(&"bind");
        let (kind, name, namespace) = match words[usize::from(is_elsewhere)..] {
            ["ClusterRole", name] => ("ClusterRole", name, None),
            ["Role", name, "in", namespace] => ("Role", name, Some(namespace.to_owned())),
            _ => return Err("a role begins with ClusterRole NAME, or Role NAME in NAMESPACE"),
        };
        Ok(Self {
            kind,
            is_elsewhere,
            name: name.to_owned(),
            namespace,
            ..Self::default()
        })
    }

    fn line(&mut self, line: &str, policy: &mut Policy) -> Result<(), &'static str> {
        if self.kind.is_empty() {
            return Err("it belongs to no role");
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words {
            ["part", "of", role] => {
                let label = format!("{AGGREGATE_TO}{role}");
                self.labels.insert(label, "true".to_owned());
            }
            ["made", "of", role] => self.made_of = Some(role.to_owned()),
            ["bound", ref how @ ..] => self.bind(how, policy)?,
            _ => self.rules.push(rule(line)?),
        }
        Ok(())
    }

    fn bind(&self, how: &[&str], policy: &mut Policy) -> Result<(), &'static str> {
        let (name, how) = match how {
            ["as", name, rest @ ..] => (*name, rest),
            rest => (&*self.name, rest),
        };
        let subjects: Vec<Subject> = match how {
            [] => Vec::new(),
            ["to", subjects @ ..] => subjects
                .iter()
                .map(|text| subject(text))
                .collect::<Result<_, _>>()?,
            _ => return Err("a binding is bound [as NAME] [to SUBJECTS]"),
        };
        let metadata = self.metadata(name, BTreeMap::new());
        let subjects = Some(subjects).filter(|subjects| !subjects.is_empty());
        let role_ref = RoleRef {
            api_group: Some(GROUP.to_owned()),
            kind: self.kind.to_owned(),
            name: self.name.clone(),
        };
        if self.namespace.is_none() {
            policy.cluster_role_bindings.push(ClusterRoleBinding {
                metadata,
                role_ref,
                subjects,
            });
        } else {
            policy.role_bindings.push(RoleBinding {
                metadata,
                role_ref,
                subjects,
            });
        }
        Ok(())
    }

    fn metadata(&self, name: &str, mut labels: BTreeMap<String, String>) -> ObjectMeta {
        labels.insert(LABEL.0.to_owned(), LABEL.1.to_owned());
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: self.namespace.clone(),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([(
                AUTO_UPDATE.to_owned(),
                "true".to_owned(),
            )])),
            ..Default::default()
        }
    }

    fn finish(self, policy: &mut Policy) {
        if self.is_elsewhere {
            return;
        }
        let metadata = self.metadata(&self.name, self.labels.clone());
        let rules = Some(self.rules).filter(|rules| !rules.is_empty());
        let aggregation = self.made_of.map(|role| {
            let labels = BTreeMap::from([(format!("{AGGREGATE_TO}{role}"), "true".to_owned())]);
            AggregationRule {
                cluster_role_selectors: Some(vec![LabelSelector {
                    match_labels: Some(labels),
                    ..Default::default()
                }]),
            }
        });
        match self.kind {
            "ClusterRole" => policy.cluster_roles.push(ClusterRole {
                metadata,
                rules,
                aggregation_rule: aggregation,
            }),
            "Role" => policy.roles.push(Role { metadata, rules }),
            _ => {}
        }
    }
}

fn rule(line: &str) -> Result<PolicyRule, &'static str> {
    let columns: Vec<Vec<String>> = line
        .split(" | ")
        .map(|column| column.split_whitespace().map(str::to_owned).collect())
        .collect();
    if columns.iter().any(Vec::is_empty) {
        return Err("a column of a rule is empty");
    }
    let mut columns = columns.into_iter();
    let verbs = columns.next().unwrap_or_default();
    match (
        columns.next(),
        columns.next(),
        columns.next(),
        columns.next(),
    ) {
        (Some(paths), None, None, None) => Ok(PolicyRule {
            verbs,
            non_resource_urls: Some(paths),
            ..Default::default()
        }),
        (Some(groups), Some(resources), names, None) => Ok(PolicyRule {
            verbs,
            api_groups: Some(groups.into_iter().map(group).collect()),
            resources: Some(resources),
            resource_names: names,
            ..Default::default()
        }),
        _ => Err("a rule is VERBS | GROUPS | RESOURCES [| NAMES], or VERBS | PATHS"),
    }
}

fn group(name: String) -> String {
    if name == CORE { String::new() } else { name }
}

fn subject(text: &str) -> Result<Subject, &'static str> {
    let parts: Vec<&str> = text.split('/').collect();
    let (kind, namespace, name) = match *parts {
        [kind @ ("User" | "Group"), name] => (kind, None, name),
        ["ServiceAccount", namespace, name] => ("ServiceAccount", Some(namespace), name),
        _ => {
            return Err("a subject is User/NAME, Group/NAME or ServiceAccount/NAMESPACE/NAME");
        }
    };
    Ok(Subject {
        api_group: namespace.is_none().then(|| GROUP.to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
    })
}
