//! Reviews of access.

use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::attributes::{
    default_attributes, default_spec, shown, validate_no_metadata, validate_one,
    validate_selectors, validate_spec,
};
use crate::cell;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::Hooks;

impl Hooks for SubjectAccessReview {
    fn apply_defaults(&mut self) {
        default_spec(&mut self.spec);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let mut errors = validate_spec(&self.spec);
        errors.extend(validate_no_metadata(&self.metadata, false));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

impl Hooks for LocalSubjectAccessReview {
    fn apply_defaults(&mut self) {
        default_spec(&mut self.spec);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let (spec, path) = (&self.spec, Path::new("spec"));
        let mut errors = validate_spec(spec);
        errors.extend(validate_no_metadata(&self.metadata, true));
        if let Some(resource) = &spec.resource_attributes
            && resource.namespace != self.metadata.namespace
        {
            let path = path.child("resourceAttributes").child("namespace");
            let namespace = resource.namespace.as_deref().unwrap_or_default();
            errors.push(Error::invalid(
                &path,
                namespace,
                "must match metadata.namespace",
            ));
        }
        if spec.non_resource_attributes.is_some() {
            let path = path.child("nonResourceAttributes");
            let shown = shown(&spec.non_resource_attributes);
            errors.push(Error::invalid(
                &path,
                shown,
                "disallowed on this kind of request",
            ));
        }
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

impl Hooks for SelfSubjectAccessReview {
    fn apply_defaults(&mut self) {
        let spec = &mut self.spec;
        default_attributes(
            &mut spec.resource_attributes,
            &mut spec.non_resource_attributes,
        );
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let spec = &self.spec;
        let mut errors = validate_one(&spec.resource_attributes, &spec.non_resource_attributes);
        errors.extend(validate_selectors(&spec.resource_attributes));
        errors.extend(validate_no_metadata(&self.metadata, false));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

impl Hooks for SelfSubjectRulesReview {
    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.namespace);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
