//! Service accounts.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ObjectReference, ServiceAccount};
use serde_json::Value;

use crate::cell;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

const ENFORCE_MOUNTABLE: &str = "kubernetes.io/enforce-mountable-secrets";

impl Hooks for ServiceAccount {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    fn apply_defaults(&mut self) {
        drop_empty(&mut self.secrets);
        drop_empty(&mut self.image_pull_secrets);
    }

    fn prepare_for_create(&mut self) {
        keep_names_of_secrets(self);
    }

    fn prepare_for_update(&mut self, _part: Part, _old: &Self) {
        keep_names_of_secrets(self);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let asks = |account: &Self| {
            account
                .metadata
                .annotations
                .as_ref()
                .is_some_and(|a| a.contains_key(ENFORCE_MOUNTABLE))
        };
        if !asks(self) || old.is_some_and(asks) {
            return Vec::new();
        }
        vec![format!(
            "metadata.annotations[{ENFORCE_MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to \
             mounted secrets"
        )]
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

/// The secrets of an account are in its namespace: nothing but their names says anything.
fn keep_names_of_secrets(account: &mut ServiceAccount) {
    for secret in account.secrets.iter_mut().flatten() {
        *secret = ObjectReference {
            name: secret.name.take(),
            ..Default::default()
        };
    }
}
