//! Resource claim templates: claims that are made for pods.

use jiff::Timestamp;
use k8s_openapi::api::resource::v1::{ResourceClaimTemplate, ResourceClaimTemplateSpec};
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::claim::{check_spec, default_spec, shown_spec};
use crate::cell;
use crate::metadata::drop_empty_fields;
use crate::naming;
use crate::pod::check::Json;
use crate::pod::check_template_metadata;
use crate::strategy::{Hooks, MetadataRules, Part};

impl Hooks for ResourceClaimTemplate {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    fn apply_defaults(&mut self) {
        drop_empty_fields(self.spec.metadata.get_or_insert_default());
        default_spec(&mut self.spec.spec);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        if let Some(meta) = &self.spec.metadata {
            check_template_metadata(&mut errors, &path.child("metadata"), meta);
        }
        check_spec(&mut errors, &path.child("spec"), &self.spec.spec);
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        if self.spec == old.spec {
            return ErrorList::new();
        }
        let path = Path::new("spec");
        vec![Error::invalid(
            &path,
            shown(&self.spec),
            "field is immutable",
        )]
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

/// The template as errors show it: its metadata's members beside its spec.
fn shown(spec: &ResourceClaimTemplateSpec) -> Json {
    let meta = Json::of(&spec.metadata).0;
    let members = meta
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or_default();
    let comma = if members.is_empty() { "" } else { "," };
    let spec = shown_spec(&spec.spec).0;
    Json(format!(r#"{{{members}{comma}"Spec":{spec}}}"#))
}
