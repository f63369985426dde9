//! Reviews of tokens, and of oneself.

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenReview, UserInfo};
use serde_json::Value;

use crate::cell;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::Hooks;

impl Hooks for SelfSubjectReview {
    fn apply_defaults(&mut self) {
        let status = self.status.get_or_insert_default();
        default_user(status.user_info.get_or_insert_default());
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

impl Hooks for TokenReview {
    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.audiences);
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.audiences);
        drop_empty(&mut status.authenticated);
        drop_empty(&mut status.error);
        default_user(status.user.get_or_insert_default());
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::age(&self.metadata, now)]
    }
}

fn default_user(user: &mut UserInfo) {
    drop_empty(&mut user.extra);
    drop_empty(&mut user.groups);
    drop_empty(&mut user.uid);
    drop_empty(&mut user.username);
}
