//! Bindings, which put a pod on a node. They are never stored.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Binding;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::naming;
use crate::strategy::Hooks;

impl Hooks for Binding {
    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let path = Path::new("target");
        let mut errors = ErrorList::new();
        let kind = self.target.kind.as_deref().unwrap_or_default();
        if !kind.is_empty() && kind != "Node" {
            errors.push(Error::not_supported(
                &path.child("kind"),
                kind,
                &["Node", "<empty>"],
            ));
        }
        if self.target.name.as_deref().unwrap_or_default().is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        }
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
