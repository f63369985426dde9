//! Pods and pod templates.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::strategy::Hooks;

/// Fills in what a template leaves out.
pub fn default_template(_template: &mut PodTemplateSpec) {}

/// Checks the template of a controller whose `selector` must match its labels; `path` is the template's.
pub fn validate_template(
    _template: &PodTemplateSpec,
    _selector: Option<&LabelSelector>,
    _path: &Path,
) -> ErrorList {
    ErrorList::new()
}

/// Warnings about a template; `path` is the template's.
pub fn template_warnings(
    _template: &PodTemplateSpec,
    _old: Option<&PodTemplateSpec>,
    _path: &Path,
) -> Vec<String> {
    Vec::new()
}

impl Hooks for Pod {
    fn name_errors(_name: &str, _prefix: bool) -> Vec<String> {
        Vec::new()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
