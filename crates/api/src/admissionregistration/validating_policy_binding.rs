//! Bindings of policies that refuse objects.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::binding::{self, default_binding, validate_binding};
use super::{UPDATE, name_warnings};
use crate::check::one_of;
use crate::def::Column;
use crate::metadata::raise_generation;
use crate::naming;
use crate::shown::json;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

const DENY: &str = "Deny";
const WARN: &str = "Warn";
const ACTIONS: &[&str] = &["Audit", DENY, WARN];

impl Hooks for ValidatingAdmissionPolicyBinding {
    const METADATA: MetadataRules = MetadataRules {
        whole: true,
        ..MetadataRules::NONE
    };
    const COLUMNS: &'static [Column] = binding::COLUMNS;
    const UPDATE: UpdateRules = UPDATE;

    fn apply_defaults(&mut self) {
        default_binding(&mut self.spec.param_ref, &mut self.spec.match_resources);
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
        let (spec, path) = (&self.spec, Path::new("spec"));
        let (params, resources) = (spec.param_ref.as_ref(), spec.match_resources.as_ref());
        let mut errors = validate_binding(&spec.policy_name, params, resources, &path);
        let path = path.child("validationActions");
        errors.extend(validate_actions(&spec.validation_actions, &path));
        errors
    }

    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate_create()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        name_warnings(&self.metadata)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let params = self.spec.param_ref.as_ref();
        binding::cells(&self.metadata, &self.spec.policy_name, params, now)
    }
}

fn validate_actions(actions: &[String], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, action) in actions.iter().enumerate() {
        let path = path.index(at);
        errors.extend(one_of(action, ACTIONS, &path));
        if actions[..at].contains(action) {
            errors.push(Error::duplicate(&path, action.as_str()));
        }
    }
    let has = |wanted: &str| actions.iter().any(|action| action == wanted);
    if has(DENY) && has(WARN) {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and \
                      headers serves no purpose)";
        errors.push(Error::invalid(path, json(actions), detail));
    }
    if actions.is_empty() {
        let detail = "at least one validation action is required";
        errors.push(Error::required(path, detail));
    }
    errors
}
