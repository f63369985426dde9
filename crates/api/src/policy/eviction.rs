//! Evictions: what is asked of the eviction subresource of a pod.

use jiff::Timestamp;
use k8s_openapi::api::policy::v1::Eviction;
use serde_json::Value;

use crate::strategy::Hooks;
use crate::{cell, naming};

impl Hooks for Eviction {
    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
