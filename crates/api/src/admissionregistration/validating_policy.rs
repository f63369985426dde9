//! Policies that refuse objects.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    AuditAnnotation, ExpressionWarning, ValidatingAdmissionPolicy, ValidatingAdmissionPolicySpec,
    ValidatingAdmissionPolicyStatus, Validation,
};
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::{Value, json};

use super::expression::{validate_expression, validate_match_conditions, validate_variables};
use super::match_resources::{default_match_resources, validate_match_constraints};
use super::param::{default_param_kind, kind_cell, validate_param_kind};
use super::{FAILURE_POLICIES, UPDATE, name_warnings};
use crate::cell;
use crate::check::{one_of, qualified_name};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{default_conditions, keep_for_status, raise_generation, validate_conditions};
use crate::naming;
use crate::shown;
use crate::strategy::{self, Hooks, MetadataRules, Part, UpdateRules};

const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge"];
const MAX_ANNOTATIONS: usize = 20;
const MAX_ANNOTATION_EXPRESSION: usize = 5 * 1024;

impl Hooks for ValidatingAdmissionPolicy {
    const METADATA: MetadataRules = MetadataRules {
        whole: true,
        ..MetadataRules::NONE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Validations",
            "integer",
            "",
            0,
            "Validations indicates the number of validation rules defined in this configuration",
        ),
        Column::of(
            "ParamKind",
            "string",
            "",
            0,
            "ParamKind specifies the kind of resources used to parameterize this policy",
        ),
        cell::AGE,
    ];
    const UPDATE: UpdateRules = UPDATE;

    fn apply_defaults(&mut self) {
        default_spec(self.spec.get_or_insert_default());
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.observed_generation);
        default_conditions(&mut status.conditions);
        if let Some(checking) = &mut status.type_checking {
            drop_empty(&mut checking.expression_warnings);
        }
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(Default::default());
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            keep_for_status(&mut self.metadata, &old.metadata);
            return;
        }
        self.status.clone_from(&old.status);
        if self.spec != old.spec {
            raise_generation(&mut self.metadata, &old.metadata);
        }
    }

    fn scope(part: Part) -> Scope {
        strategy::status_alone(part)
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate_spec(spec, name, &Path::new("spec")))
            .collect()
    }

    fn validate_update(&self, part: Part, _old: &Self) -> ErrorList {
        if part == Part::Status {
            let status = self.status.iter();
            return status.flat_map(validate_status).collect();
        }
        self.validate_create()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        name_warnings(&self.metadata)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        vec![
            cell::name(&self.metadata),
            spec.validations.map_or(0, |list| list.len()).into(),
            kind_cell(spec.param_kind.as_ref()).into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn default_spec(spec: &mut ValidatingAdmissionPolicySpec) {
    let policy = &mut spec.failure_policy;
    policy.get_or_insert_with(|| "Fail".to_owned());
    if let Some(constraints) = &mut spec.match_constraints {
        default_match_resources(constraints);
    }
    if let Some(kind) = &mut spec.param_kind {
        default_param_kind(kind);
    }
    drop_empty(&mut spec.audit_annotations);
    drop_empty(&mut spec.match_conditions);
    drop_empty(&mut spec.variables);
    drop_empty(&mut spec.validations);
    for validation in spec.validations.iter_mut().flatten() {
        drop_empty(&mut validation.message);
        drop_empty(&mut validation.message_expression);
    }
}

fn validate_spec(spec: &ValidatingAdmissionPolicySpec, name: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(policy) = &spec.failure_policy {
        let path = path.child("failurePolicy");
        errors.extend(one_of(policy, FAILURE_POLICIES, &path));
    }
    if let Some(kind) = &spec.param_kind {
        errors.extend(validate_param_kind(kind, &path.child("paramKind")));
    }
    let at = path.child("matchConstraints");
    errors.extend(validate_match_constraints(
        spec.match_constraints.as_ref(),
        &at,
    ));
    let at = path.child("matchConditions");
    errors.extend(validate_match_conditions(
        spec.match_conditions.as_deref(),
        &at,
    ));
    errors.extend(validate_variables(
        spec.variables.as_deref(),
        &path.child("variables"),
    ));
    let (validations, annotations) = (path.child("validations"), path.child("auditAnnotations"));
    if spec.validations.is_none() && spec.audit_annotations.is_none() {
        let detail = "validations or auditAnnotations must contain at least one item";
        errors.extend([validations, annotations].map(|path| Error::required(&path, detail)));
        return errors;
    }
    for (at, validation) in spec.validations.iter().flatten().enumerate() {
        errors.extend(validate_validation(validation, &validations.index(at)));
    }
    let given = spec.audit_annotations.as_deref().unwrap_or_default();
    errors.extend(validate_annotations(given, name, &annotations));
    errors
}

fn validate_validation(validation: &Validation, path: &Path) -> ErrorList {
    let detail = "expression is not specified";
    let mut errors = validate_expression(&validation.expression, detail, &path.child("expression"));
    let blank = "must be non-empty if specified";
    if let Some(text) = validation
        .message_expression
        .as_deref()
        .filter(|text| text.trim().is_empty())
    {
        errors.push(Error::invalid(
            &path.child("messageExpression"),
            text,
            blank,
        ));
    }
    if let Some(text) = validation.message.as_deref() {
        let path = path.child("message");
        if text.trim().is_empty() {
            errors.push(Error::invalid(&path, text, blank));
        } else if text.trim().contains(['\n', '\r']) {
            errors.push(Error::invalid(&path, text, "must not contain line breaks"));
        }
    }
    if let Some(reason) = &validation.reason {
        errors.extend(one_of(reason, REASONS, &path.child("reason")));
    }
    errors
}

fn validate_annotations(annotations: &[AuditAnnotation], name: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if annotations.len() > MAX_ANNOTATIONS {
        // As Kubernetes keeps them in memory, where members have no other names.
        let members = annotations.iter();
        let shown: Vec<Value> = members
            .map(|one| json!({"Key": one.key, "ValueExpression": one.value_expression}))
            .collect();
        let detail = format!("must not have more than {MAX_ANNOTATIONS} auditAnnotations");
        errors.push(Error::invalid(path, shown::json(&shown), detail));
    }
    for (at, annotation) in annotations.iter().enumerate() {
        let path = path.index(at);
        let key = path.child("key");
        if name.is_empty() {
            let detail = "requires metadata.name be non-empty";
            errors.push(Error::invalid(&key, annotation.key.as_str(), detail));
        } else {
            errors.extend(qualified_name(&format!("{name}/{}", annotation.key), &key));
        }
        let (text, at_text) = (&annotation.value_expression, path.child("valueExpression"));
        errors.extend(validate_expression(
            text,
            "valueExpression is not specified",
            &at_text,
        ));
        if text.trim().len() > MAX_ANNOTATION_EXPRESSION {
            let detail = format!("must not exceed {MAX_ANNOTATION_EXPRESSION} bytes in length");
            errors.push(Error::required(&at_text, detail));
        }
        let mut before = annotations[..at].iter();
        if before.any(|other| other.key == annotation.key) {
            errors.push(Error::duplicate(&key, annotation.key.as_str()));
        }
    }
    errors
}

fn validate_status(status: &ValidatingAdmissionPolicyStatus) -> ErrorList {
    let path = Path::new("status");
    let mut errors = ErrorList::new();
    let checking = status.type_checking.iter();
    let warnings = checking.flat_map(|checking| checking.expression_warnings.iter().flatten());
    let at = path.child("typeChecking").child("expressionWarnings");
    for (index, warning) in warnings.enumerate() {
        errors.extend(validate_warning(warning, &at.index(index)));
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    errors.extend(validate_conditions(conditions, &path.child("conditions")));
    errors
}

fn validate_warning(warning: &ExpressionWarning, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if warning.warning.is_empty() {
        errors.push(Error::required(&path.child("warning"), ""));
    }
    if warning.field_ref.trim().is_empty() {
        errors.push(Error::required(&path.child("fieldRef"), ""));
    }
    errors
}
