//! Parameters of policies: their kind, and where a binding takes them from.

use k8s_openapi::api::admissionregistration::v1::{ParamKind, ParamRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_dns1035_label, is_dns1123_subdomain};

use crate::check::{found, one_of};
use crate::empty::{drop_empty, drop_empty_selector};
use crate::metadata::validate_label_selector;
use crate::naming;

const ACTIONS: &[&str] = &["Deny", "Allow"];
const UNSET: &str = "<unset>";

pub(super) fn default_param_kind(kind: &mut ParamKind) {
    drop_empty(&mut kind.api_version);
    drop_empty(&mut kind.kind);
}

pub(super) fn default_param_ref(reference: &mut ParamRef) {
    drop_empty(&mut reference.name);
    drop_empty(&mut reference.namespace);
    if let Some(selector) = &mut reference.selector {
        drop_empty_selector(selector);
    }
}

pub(super) fn validate_param_kind(kind: &ParamKind, path: &Path) -> ErrorList {
    let at = path.child("apiVersion");
    let mut errors = match kind.api_version.as_deref() {
        None => vec![Error::required(&at, "")],
        Some(version) => validate_version(version, &at),
    };
    let at = path.child("kind");
    match kind.kind.as_deref() {
        None => errors.push(Error::required(&at, "")),
        Some(kind) => {
            let findings = is_dns1035_label(&kind.to_lowercase()).join(",");
            if !findings.is_empty() {
                let detail = format!("may have mixed case, but should otherwise match: {findings}");
                errors.push(Error::invalid(&at, kind, detail));
            }
        }
    }
    errors
}

fn validate_version(text: &str, path: &Path) -> ErrorList {
    let (group, version) = match text.split('/').collect::<Vec<_>>()[..] {
        ["", ""] => ("", ""),
        [version] => ("", version),
        [group, version] => (group, version),
        _ => {
            let detail = format!("unexpected GroupVersion string: {text}");
            return vec![Error::invalid(path, text, detail)];
        }
    };
    let mut errors = ErrorList::new();
    let mut find = |value: &str, findings: Vec<String>| {
        if !findings.is_empty() {
            errors.push(Error::invalid(path, value, findings.join(",")));
        }
    };
    if !group.is_empty() {
        find(group, is_dns1123_subdomain(group));
    }
    if version.is_empty() {
        find(text, vec!["version must be specified".to_owned()]);
    } else {
        find(version, is_dns1035_label(version));
    }
    errors
}

pub(super) fn validate_param_ref(reference: &ParamRef, path: &Path) -> ErrorList {
    const EXCLUSIVE: &str = "name and selector are mutually exclusive";
    let mut errors = ErrorList::new();
    if let Some(name) = &reference.name {
        let at = path.child("name");
        errors.extend(found(name, naming::path_segment(name, false), &at));
        if reference.selector.is_some() {
            errors.push(Error::forbidden(&at, EXCLUSIVE));
        }
    }
    if let Some(selector) = &reference.selector {
        let at = path.child("selector");
        errors.extend(validate_label_selector(selector, &at));
        if reference.name.is_some() {
            errors.push(Error::forbidden(&at, EXCLUSIVE));
        }
    }
    if reference.name.is_none() && reference.selector.is_none() {
        let detail = "one of name or selector must be specified";
        errors.push(Error::required(path, detail));
    }
    let at = path.child("parameterNotFoundAction");
    match reference.parameter_not_found_action.as_deref() {
        None | Some("") => errors.push(Error::required(&at, "")),
        Some(action) => errors.extend(one_of(action, ACTIONS, &at)),
    }
    errors
}

/// The cell of a policy's kind of parameters.
pub(super) fn kind_cell(kind: Option<&ParamKind>) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match kind {
        Some(kind) => format!("{}/{}", text(&kind.api_version), text(&kind.kind)),
        None => UNSET.to_owned(),
    }
}

/// The cell of a binding's parameters.
pub(super) fn ref_cell(reference: Option<&ParamRef>) -> String {
    match reference {
        Some(ParamRef {
            name: Some(name),
            namespace,
            ..
        }) => {
            format!("{}/{name}", namespace.as_deref().unwrap_or("*"))
        }
        Some(ParamRef {
            selector: Some(selector),
            ..
        }) => selector_text(selector),
        _ => UNSET.to_owned(),
    }
}

/// A selector as Kubernetes prints it there: as its type in memory.
fn selector_text(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten();
    let labels: String = labels
        .map(|(key, value)| format!("{key}: {value},"))
        .collect();
    let expressions = selector.match_expressions.iter().flatten();
    let expressions: String = expressions
        .map(|one| {
            let values = one.values.as_deref().unwrap_or_default().join(" ");
            format!(
                "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},",
                one.key, one.operator
            )
        })
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}
