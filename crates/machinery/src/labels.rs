//! Label selectors: `app=web,tier in (a,b),!old`.

mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::field::{Error, ErrorList, Path};
use crate::names;

/// Labels as objects have them.
pub type Labels = BTreeMap<String, String>;

/// Why a selector is none, in Kubernetes' words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `in`.
    In,
    /// `notin`.
    NotIn,
    /// `=`.
    Equals,
    /// `==`.
    DoubleEquals,
    /// `!=`.
    NotEquals,
    /// The key alone.
    Exists,
    /// `!` and the key.
    DoesNotExist,
    /// `>`.
    GreaterThan,
    /// `<`.
    LessThan,
}

/// What one label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

/// What labels must be, all together. The default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl Requirement {
    /// A requirement that Kubernetes would take.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(
        key: impl Into<String>,
        operator: Operator,
        values: Vec<String>,
    ) -> Result<Self, SelectorError> {
        let requirement = Self {
            key: key.into(),
            operator,
            values,
        };
        aggregate(&requirement.findings()).map_or(Ok(requirement), Err)
    }

    fn findings(&self) -> ErrorList {
        let mut found = ErrorList::new();
        found.extend(invalid(
            &Path::new("key"),
            &self.key,
            &names::is_qualified_name(&self.key),
        ));
        let path = Path::new("values");
        let count = self.values.len();
        let complaint = match self.operator {
            Operator::In | Operator::NotIn if count == 0 => {
                "for 'in', 'notin' operators, values set can't be empty"
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if count != 1 => {
                "exact-match compatibility requires one single value"
            }
            Operator::Exists | Operator::DoesNotExist if count != 0 => {
                "values set must be empty for exists and does not exist"
            }
            Operator::GreaterThan | Operator::LessThan if count != 1 => {
                "for 'Gt', 'Lt' operators, exactly one value is required"
            }
            _ => "",
        };
        if !complaint.is_empty() {
            let shown = if count == 0 {
                serde_json::Value::Null
            } else {
                serde_json::Value::from(self.values.clone())
            };
            found.push(Error::invalid(&path, shown, complaint));
        }
        for (at, value) in self.values.iter().enumerate() {
            let path = path.index(at);
            if matches!(self.operator, Operator::GreaterThan | Operator::LessThan)
                && value.parse::<i64>().is_err()
            {
                found.push(Error::invalid(
                    &path,
                    value,
                    "for 'Gt', 'Lt' operators, the value must be an integer",
                ));
            }
        }
        for (at, value) in self.values.iter().enumerate() {
            found.extend(invalid(
                &path.index(at).key(&self.key),
                value,
                &names::is_label_value(value),
            ));
        }
        found
    }

    /// The label.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it is compared.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// With what.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    fn has(&self, value: &str) -> bool {
        self.values.iter().any(|one| one == value)
    }

    fn compare(&self, value: &str) -> Option<std::cmp::Ordering> {
        let bound: i64 = self.values.first()?.parse().ok()?;
        Some(value.parse::<i64>().ok()?.cmp(&bound))
    }

    /// Whether the labels are as required.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.key).map(String::as_str))
    }

    /// Whether this value of the label, or its absence, is as required.
    pub fn matches_value(&self, value: Option<&str>) -> bool {
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => {
                value.is_some_and(|value| self.has(value))
            }
            Operator::NotIn | Operator::NotEquals => value.is_none_or(|value| !self.has(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => {
                value.is_some_and(|value| self.compare(value) == Some(std::cmp::Ordering::Greater))
            }
            Operator::LessThan => {
                value.is_some_and(|value| self.compare(value) == Some(std::cmp::Ordering::Less))
            }
        }
    }
}

impl Selector {
    /// Selects everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects nothing.
    pub fn nothing() -> Self {
        Self {
            requirements: Vec::new(),
            nothing: true,
        }
    }

    /// All of these.
    pub fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self {
            requirements,
            nothing: false,
        }
    }

    /// Reads a selector as it is in a URL.
    ///
    /// # Errors
    /// In Kubernetes' words.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::parse(text).map(Self::of)
    }

    /// Exactly these labels, whatever they look like: what a service or a replication controller selects.
    pub fn from_set(labels: &Labels) -> Self {
        let equals = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.clone()],
        };
        Self::of(labels.iter().map(equals).collect())
    }

    /// An object's selector: none selects nothing, an empty one everything.
    ///
    /// # Errors
    /// Where an operator, a key or a value is none.
    pub fn from_label_selector(selector: Option<&LabelSelector>) -> Result<Self, SelectorError> {
        let Some(selector) = selector else {
            return Ok(Self::nothing());
        };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::new(
                key,
                Operator::Equals,
                vec![value.clone()],
            )?);
        }
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!(
                        "{other:?} is not a valid label selector operator"
                    )));
                }
            };
            requirements.push(Requirement::new(
                &expression.key,
                operator,
                expression.values.clone().unwrap_or_default(),
            )?);
        }
        Ok(Self::of(requirements))
    }

    /// Whether it selects an object with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        !self.nothing
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.matches(labels))
    }

    /// The same for labels that are kept in another way: `get` tells the value of a label.
    pub fn matches_by<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.matches_value(get(&requirement.key)))
    }

    /// The same for metadata, where no labels are none.
    pub fn selects(&self, labels: Option<&Labels>) -> bool {
        static NONE: Labels = Labels::new();
        self.matches(labels.unwrap_or(&NONE))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether it selects nothing.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// Its parts, by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The one value the label must have, if there is one.
    pub fn exact_match(&self, key: &str) -> Option<&str> {
        let requirement = self
            .requirements
            .iter()
            .find(|requirement| requirement.key == key)?;
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

fn invalid(path: &Path, value: &str, findings: &[String]) -> Option<Error> {
    (!findings.is_empty()).then(|| Error::invalid(path, value, findings.join("; ")))
}

fn aggregate(found: &ErrorList) -> Option<SelectorError> {
    let words: Vec<String> = found.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => None,
        [one] => Some(SelectorError(one.clone())),
        _ => Some(SelectorError(format!("[{}]", words.join(", ")))),
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values = self.values.clone();
        values.sort();
        let (key, values) = (&self.key, values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
