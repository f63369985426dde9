//! Requests for tokens: what is asked of the token subresource of a service account.

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::TokenRequest;
use serde_json::Value;

use crate::strategy::Hooks;
use crate::{cell, naming};

impl Hooks for TokenRequest {
    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}
