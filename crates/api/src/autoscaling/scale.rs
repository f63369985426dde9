//! Scale.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;
use serde_json::Value;

use crate::cell;
use crate::strategy::Hooks;

impl Hooks for Scale {
    fn name_errors(_name: &str, _prefix: bool) -> Vec<String> {
        Vec::new()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
