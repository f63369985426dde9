//! Expressions, as far as that goes without compiling them: they are there, and what is named is named well.

use k8s_openapi::api::admissionregistration::v1::{MatchCondition, Variable};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::check::qualified_name;

const MAX_CONDITIONS: usize = 64;
/// Words that the language keeps for itself.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// An expression that must be there.
pub(super) fn validate_expression(text: &str, detail: &str, path: &Path) -> ErrorList {
    if text.trim().is_empty() {
        vec![Error::required(path, detail)]
    } else {
        ErrorList::new()
    }
}

/// Checks the conditions under which a webhook or a policy is asked at all.
pub(super) fn validate_match_conditions(
    conditions: Option<&[MatchCondition]>,
    path: &Path,
) -> ErrorList {
    let conditions = conditions.unwrap_or_default();
    let mut errors = ErrorList::new();
    if conditions.len() > MAX_CONDITIONS {
        errors.push(Error::too_many(path, conditions.len(), MAX_CONDITIONS));
    }
    for (at, condition) in conditions.iter().enumerate() {
        let path = path.index(at);
        let (expression, name) = (path.child("expression"), path.child("name"));
        errors.extend(validate_expression(&condition.expression, "", &expression));
        if condition.name.is_empty() {
            errors.push(Error::required(&name, ""));
            continue;
        }
        errors.extend(qualified_name(&condition.name, &name));
        let mut before = conditions[..at].iter();
        if before.any(|other| other.name == condition.name) {
            errors.push(Error::duplicate(&name, condition.name.as_str()));
        }
    }
    errors
}

/// Checks the variables of a policy.
pub(super) fn validate_variables(variables: Option<&[Variable]>, path: &Path) -> ErrorList {
    let variables = variables.unwrap_or_default();
    let mut errors = ErrorList::new();
    for (at, variable) in variables.iter().enumerate() {
        let path = path.index(at);
        let name = path.child("name");
        if variable.name.trim().is_empty() {
            errors.push(Error::required(&name, "name is not specified"));
        } else if !is_identifier(&variable.name) {
            let detail = "must be a valid CEL identifier";
            errors.push(Error::invalid(&name, variable.name.as_str(), detail));
        }
        errors.extend(validate_expression(
            &variable.expression,
            "expression is not specified",
            &path.child("expression"),
        ));
    }
    errors
}

fn is_identifier(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter)
        && text.chars().all(|c| letter(c) || c.is_ascii_digit())
        && !RESERVED.contains(&text)
}
