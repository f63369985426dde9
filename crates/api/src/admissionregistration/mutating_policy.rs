//! Policies that change objects.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicySpec, Mutation,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::expression::{validate_expression, validate_match_conditions, validate_variables};
use super::match_resources::{default_match_resources, validate_match_constraints};
use super::param::{default_param_kind, kind_cell, validate_param_kind};
use super::rule::validate_mutating;
use super::{FAILURE_POLICIES, REINVOCATION_POLICIES, UPDATE, name_warnings};
use crate::cell;
use crate::check::{one_of, required_one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::raise_generation;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

const JSON_PATCH: &str = "JSONPatch";
const APPLY: &str = "ApplyConfiguration";

impl Hooks for MutatingAdmissionPolicy {
    const METADATA: MetadataRules = MetadataRules {
        whole: true,
        ..MetadataRules::NONE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Mutations",
            "integer",
            "",
            0,
            "Mutation indicates the number of mutations rules defined in this configuration",
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
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.spec != old.spec {
            raise_generation(&mut self.metadata, &old.metadata);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate_spec(spec, &Path::new("spec")))
            .collect()
    }

    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate_create()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        name_warnings(&self.metadata)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        vec![
            cell::name(&self.metadata),
            spec.mutations.map_or(0, |list| list.len()).into(),
            kind_cell(spec.param_kind.as_ref()).into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn default_spec(spec: &mut MutatingAdmissionPolicySpec) {
    let policy = &mut spec.failure_policy;
    policy.get_or_insert_with(|| "Fail".to_owned());
    if let Some(constraints) = &mut spec.match_constraints {
        default_match_resources(constraints);
    }
    if let Some(kind) = &mut spec.param_kind {
        default_param_kind(kind);
    }
    drop_empty(&mut spec.match_conditions);
    drop_empty(&mut spec.variables);
    drop_empty(&mut spec.reinvocation_policy);
    drop_empty(&mut spec.mutations);
    for mutation in spec.mutations.iter_mut().flatten() {
        if let Some(apply) = &mut mutation.apply_configuration {
            drop_empty(&mut apply.expression);
        }
        if let Some(patch) = &mut mutation.json_patch {
            drop_empty(&mut patch.expression);
        }
    }
}

fn validate_spec(spec: &MutatingAdmissionPolicySpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(policy) = &spec.failure_policy {
        let path = path.child("failurePolicy");
        errors.extend(one_of(policy, FAILURE_POLICIES, &path));
    }
    if let Some(kind) = &spec.param_kind {
        errors.extend(validate_param_kind(kind, &path.child("paramKind")));
    }
    let at = path.child("matchConstraints");
    let constraints = spec.match_constraints.as_ref();
    errors.extend(validate_match_constraints(constraints, &at));
    let rules = constraints.and_then(|constraints| constraints.resource_rules.as_deref());
    let at = at.child("resourceRules").child("operations");
    errors.extend(validate_mutating(rules.unwrap_or_default(), &at));
    let at = path.child("matchConditions");
    errors.extend(validate_match_conditions(
        spec.match_conditions.as_deref(),
        &at,
    ));
    errors.extend(validate_variables(
        spec.variables.as_deref(),
        &path.child("variables"),
    ));
    let at = path.child("mutations");
    if spec.mutations.is_none() {
        let detail = "mutations must contain at least one item";
        errors.push(Error::required(&at, detail));
    }
    for (index, mutation) in spec.mutations.iter().flatten().enumerate() {
        errors.extend(validate_mutation(mutation, &at.index(index)));
    }
    errors.extend(required_one_of(
        spec.reinvocation_policy.as_deref(),
        REINVOCATION_POLICIES,
        &path.child("reinvocationPolicy"),
    ));
    errors
}

fn validate_mutation(mutation: &Mutation, path: &Path) -> ErrorList {
    let apply = mutation.apply_configuration.as_ref();
    let apply = apply.map(|apply| apply.expression.as_deref());
    let patch = mutation.json_patch.as_ref();
    let patch = patch.map(|patch| patch.expression.as_deref());
    let (apply, patch) = (("applyConfiguration", apply), ("jsonPatch", patch));
    match mutation.patch_type.as_str() {
        JSON_PATCH => one_way(JSON_PATCH, patch, apply, path),
        APPLY => one_way(APPLY, apply, patch, path),
        other => required_one_of(Some(other), &[APPLY, JSON_PATCH], &path.child("patchType")),
    }
}

/// A way to change something: its field, and its expression where it is given.
type Way<'a> = (&'a str, Option<Option<&'a str>>);

fn one_way(kind: &str, wanted: Way<'_>, other: Way<'_>, path: &Path) -> ErrorList {
    let at = path.child(wanted.0);
    let mut errors = match wanted.1 {
        None => {
            let detail = format!("must be specified when patchType is {kind}");
            vec![Error::required(&at, detail)]
        }
        Some(expression) => {
            validate_expression(expression.unwrap_or_default(), "", &at.child("expression"))
        }
    };
    if other.1.is_some() {
        let detail = format!("must not be specified when patchType is {kind}");
        let shown = format!("{{{}}}", other.0);
        errors.push(Error::invalid(&path.child(other.0), shown, detail));
    }
    errors
}
