//! Configurations of webhooks that change objects.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use super::webhook::{self, default_webhook, validate_webhooks};
use super::{UPDATE, name_warnings};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::raise_generation;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for MutatingWebhookConfiguration {
    const METADATA: MetadataRules = MetadataRules {
        whole: true,
        ..MetadataRules::NONE
    };
    const COLUMNS: &'static [Column] = webhook::COLUMNS;
    const UPDATE: UpdateRules = UPDATE;

    fn apply_defaults(&mut self) {
        for hook in self.webhooks.iter_mut().flatten() {
            default_webhook(hook);
            let policy = &mut hook.reinvocation_policy;
            policy.get_or_insert_with(|| "Never".to_owned());
        }
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
        drop_empty(&mut self.webhooks);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.webhooks != old.webhooks {
            raise_generation(&mut self.metadata, &old.metadata);
        }
        drop_empty(&mut self.webhooks);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        validate_webhooks(self.webhooks.as_deref())
    }

    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate_create()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        name_warnings(&self.metadata)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let webhooks = self.webhooks.as_ref().map_or(0, Vec::len);
        webhook::cells(&self.metadata, webhooks, now)
    }
}
