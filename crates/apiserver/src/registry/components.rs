//! The health of the control plane's parts. Nobody keeps it: each answer looks.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ComponentCondition, ComponentStatus};
use navarch_machinery::object::downcast;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Entry, Snapshot};

use super::Request;
use super::list_options::validate as validate_options;
use super::selection::Selection;
use crate::ApiServer;
use crate::encode::encoded;
use crate::reply::{List, Output};

/// A part by its name here, and the lease in `kube-system` by which it tells that it runs. The store has none: it is in this process.
const PARTS: [(&str, Option<&str>); 3] = [
    ("controller-manager", Some("kube-controller-manager")),
    ("scheduler", Some("kube-scheduler")),
    ("etcd-0", None),
];

impl ApiServer {
    pub(crate) fn component(&self, request: &Request<'_>) -> Result<Output> {
        let name = &*request.info.name;
        let part = PARTS.iter().find(|(part, _)| *part == name);
        // Kubernetes has the kind here, not the plural.
        let part = part.ok_or_else(|| StatusError::not_found("", "componentstatus", name))?;
        Ok(Output::Object {
            served: request.served.clone(),
            object: Arc::new(self.health_of(part)),
            created: false,
        })
    }

    pub(crate) fn components(&self, request: &Request<'_>) -> Result<Output> {
        let served = request.served;
        validate_options(request.params, false)?;
        let selection = Selection::parse(served, request.params)?;
        let mut entries = Vec::new();
        for part in &PARTS {
            let json = encoded(served, &self.health_of(part));
            let entry = Arc::new(Entry::new(served.key("", part.0).into(), json, 0, 0));
            if selection.matches(served, &entry)? {
                entries.push(entry);
            }
        }
        Ok(Output::List(List {
            served: served.clone(),
            entries,
            revision: 0,
            continue_token: String::new(),
            remaining: None,
        }))
    }

    fn health_of(&self, (name, lease): &(&str, Option<&str>)) -> ComponentStatus {
        let snapshot = self.store.snapshot();
        let failed = lease.and_then(|lease| self.expired(&*snapshot, lease, self.clock.now()));
        let condition = ComponentCondition {
            type_: "Healthy".into(),
            status: if failed.is_none() { "True" } else { "Unknown" }.into(),
            message: failed.is_none().then(|| "ok".into()),
            error: failed,
        };
        let mut status = ComponentStatus {
            conditions: Some(vec![condition]),
            ..ComponentStatus::default()
        };
        status.metadata.name = Some((*name).into());
        status
    }

    /// Why nobody is known to hold this lease, unless somebody does.
    fn expired(&self, snapshot: &dyn Snapshot, name: &str, now: Timestamp) -> Option<String> {
        let leases = self.directory.of::<Lease>()?;
        let entry = snapshot.get(&leases.key("kube-system", name));
        let lease = entry.and_then(|entry| downcast::<Lease>(leases.decode(&entry).ok()?));
        let spec = lease.as_ref().and_then(|lease| lease.spec.as_ref());
        let Some(renewed) = spec.and_then(|spec| spec.renew_time.as_ref()) else {
            return Some(format!("nobody has taken the lease kube-system/{name}"));
        };
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
        let held = SignedDuration::from_secs(seconds.unwrap_or_default().into());
        let words = || {
            format!(
                "the lease kube-system/{name} has not been renewed since {}",
                renewed.0
            )
        };
        // A lease without an end that time could tell is held.
        let ended = renewed.0.checked_add(held).is_ok_and(|ends| ends < now);
        ended.then(words)
    }
}
