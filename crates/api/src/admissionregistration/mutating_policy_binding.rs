//! Bindings of policies that change objects.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicyBinding;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use super::binding::{self, default_binding, validate_binding};
use super::rule::validate_mutating;
use super::{UPDATE, name_warnings};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::raise_generation;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for MutatingAdmissionPolicyBinding {
    const METADATA: MetadataRules = MetadataRules {
        whole: true,
        ..MetadataRules::NONE
    };
    const COLUMNS: &'static [Column] = binding::COLUMNS;
    const UPDATE: UpdateRules = UPDATE;

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty(&mut spec.policy_name);
        default_binding(&mut spec.param_ref, &mut spec.match_resources);
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
        let Some(spec) = &self.spec else {
            return ErrorList::new();
        };
        let (path, policy) = (Path::new("spec"), spec.policy_name.as_deref());
        let (params, resources) = (spec.param_ref.as_ref(), spec.match_resources.as_ref());
        let mut errors = validate_binding(policy.unwrap_or_default(), params, resources, &path);
        let rules = resources.and_then(|resources| resources.resource_rules.as_deref());
        let path = path
            .child("matchResources")
            .child("resourceRules")
            .child("operations");
        errors.extend(validate_mutating(rules.unwrap_or_default(), &path));
        errors
    }

    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate_create()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        name_warnings(&self.metadata)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        let policy = spec.policy_name.unwrap_or_default();
        binding::cells(&self.metadata, &policy, spec.param_ref.as_ref(), now)
    }
}
