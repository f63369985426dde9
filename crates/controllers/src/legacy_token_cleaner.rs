//! Tokens in secrets that were made unasked and that nobody uses: first they are taken out of use, and a year later they are deleted.
//! Kubernetes' `legacy-service-account-token-cleaner-controller`, with its usual times.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, ServiceAccount};
use navarch_api::call::PatchKind;
use navarch_api::pod::secret_names;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};
use serde_json::json;

use crate::service_account_tokens::account_of;
use crate::{Action, Controller, Plan, Watched};

/// Which configuration map says since when uses are written down.
pub const TRACKING_FIELDS: &str =
    "metadata.name=kube-apiserver-legacy-service-account-token-tracking";
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";
/// How long a token must have been unused. Kubernetes' `--legacy-service-account-token-clean-up-period`: 8760 hours.
const UNUSED: SignedDuration = SignedDuration::from_hours(8760);
/// How often all are looked at.
const PERIOD: SignedDuration = SignedDuration::from_hours(24);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The controller. It has one key.
pub struct LegacyTokenCleaner {
    /// Secrets with tokens.
    pub secrets: Informer<Secret>,
    /// Service accounts.
    pub accounts: Informer<ServiceAccount>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// The configuration map that says since when uses are written down.
    pub tracking: Informer<ConfigMap>,
}

/// What a plan looks at.
pub struct View {
    /// Secrets with tokens.
    pub secrets: Snapshot<Secret>,
    /// Service accounts.
    pub accounts: Snapshot<ServiceAccount>,
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// Since when uses are written down.
    pub since: Option<Date>,
}

impl Controller for LegacyTokenCleaner {
    const NAME: &'static str = "legacy-service-account-token-cleaner-controller";
    const ACCOUNT: &'static str = "legacy-service-account-token-cleaner";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        queue.add(ObjectKey::new("", "tokens"));
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.secrets, &self.accounts, &self.pods, &self.tracking]
    }

    fn view(&self) -> View {
        let tracking = self.tracking.snapshot();
        let since = tracking
            .iter()
            .find_map(|map| map.data.as_ref()?.get("since")?.parse().ok());
        View {
            secrets: self.secrets.snapshot(),
            accounts: self.accounts.snapshot(),
            pods: self.pods.snapshot(),
            since,
        }
    }

    fn plan(&self, now: Timestamp, view: &View, _key: &ObjectKey) -> Plan {
        plan(now, view)
    }
}

/// Takes out of use, or deletes, what has not been used for long.
pub fn plan(now: Timestamp, view: &View) -> Plan {
    let mut plan = Plan::nothing();
    plan.wake_at(now + PERIOD);
    let Some(since) = view
        .since
        .and_then(|since| since.to_zoned(TimeZone::UTC).ok())
    else {
        return plan;
    };
    // Uses of the first day may have been missed.
    let unused_from = since.timestamp().checked_add(DAY + UNUSED);
    if unused_from.map_or(true, |from| now < from) {
        return plan;
    }
    let mut actions = Vec::new();
    for secret in view.secrets.iter().filter(|it| is_unused(now, view, it)) {
        let label = |name: &str| label(secret, name).and_then(|day| day.parse::<Date>().ok());
        actions.push(match label(INVALID_SINCE) {
            None => {
                let labels = json!({INVALID_SINCE: day(now).to_string()});
                let patch = json!({"metadata": {"uid": secret.metadata.uid, "labels": labels}});
                Action::patch(&**secret, PatchKind::Merge, patch)
            }
            Some(since) if since >= day(now - UNUSED) => continue,
            Some(_) => {
                let mut delete = Action::delete(&**secret);
                let version = secret.metadata.resource_version.clone();
                // Not if it was used since.
                delete.call.options.precondition_version = version;
                delete
            }
        });
    }
    plan.then_all(actions);
    plan
}

/// Whether it is an old token that was made unasked, was not used for long, and that no pod mounts.
fn is_unused(now: Timestamp, view: &View, secret: &Secret) -> bool {
    let metadata = &secret.metadata;
    let made = metadata.creation_timestamp.as_ref();
    let is_old = made.is_some_and(|made| made.0 < now - UNUSED);
    if !is_old || metadata.deletion_timestamp.is_some() {
        return false;
    }
    match label(secret, LAST_USED).map(str::parse::<Date>) {
        // Nobody can say when.
        Some(Err(_)) => return false,
        Some(Ok(used)) if used >= day(now - UNUSED) => return false,
        _ => {}
    }
    let name = metadata.name.as_deref().unwrap_or_default();
    let is_listed = account_of(&view.accounts, secret).is_some_and(|account| {
        let mut listed = account.secrets.iter().flatten();
        listed.any(|it| it.name.as_deref() == Some(name))
    });
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let mut pods = view.pods.in_namespace(namespace);
    let mounts = |pod: &Pod| {
        let spec = pod.spec.as_ref();
        spec.is_some_and(|spec| secret_names(spec).contains(name))
    };
    is_listed && !pods.any(|pod| mounts(pod))
}

fn label<'a>(secret: &'a Secret, name: &str) -> Option<&'a str> {
    let labels = secret.metadata.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests;
