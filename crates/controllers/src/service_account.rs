//! The service account `default` that every namespace has from the start.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use crate::{Action, Controller, Plan, Watched};

/// The service account that pods get which name none.
const DEFAULT: &str = "default";

/// The controller. Its keys are namespaces.
pub struct ServiceAccounts {
    /// Namespaces.
    pub namespaces: Informer<Namespace>,
    /// The service accounts called `default`.
    pub accounts: Informer<ServiceAccount>,
}

/// What a plan looks at.
pub struct View {
    /// Namespaces.
    pub namespaces: Snapshot<Namespace>,
    /// Service accounts.
    pub accounts: Snapshot<ServiceAccount>,
}

impl ServiceAccounts {
    /// Which service accounts the informer needs to hold.
    pub const ACCOUNT_FIELDS: &'static str = "metadata.name=default";
}

impl Controller for ServiceAccounts {
    const NAME: &'static str = "serviceaccount-controller";
    const ACCOUNT: &'static str = "service-account-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.namespaces.on_change(move |_, new| {
            if let Some(namespace) = new {
                q.add(ObjectKey::of(&namespace.metadata));
            }
        });
        let q = queue.clone();
        self.accounts.on_change(move |old, new| {
            if let (Some(gone), None) = (old, new) {
                let namespace = gone.metadata.namespace.as_deref().unwrap_or_default();
                q.add(ObjectKey::new("", namespace));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.namespaces, &self.accounts]
    }

    fn view(&self) -> View {
        View {
            namespaces: self.namespaces.snapshot(),
            accounts: self.accounts.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

/// Makes the account of a namespace, unless that is being deleted.
pub fn plan(view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let namespace = view.namespaces.get(key);
    let goes = namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some());
    let account = ObjectKey::new(&key.name, DEFAULT);
    if !goes && view.accounts.get(&account).is_none() {
        let metadata = ObjectMeta {
            namespace: Some(key.name.to_string()),
            name: Some(DEFAULT.to_owned()),
            ..Default::default()
        };
        let account = ServiceAccount {
            metadata,
            ..Default::default()
        };
        plan.then(Action::create(account).idempotent());
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(deleting: bool) -> Vec<&'static str> {
        let metadata = ObjectMeta {
            name: Some("ns".into()),
            deletion_timestamp: deleting.then(|| Timestamp::UNIX_EPOCH.into()),
            ..Default::default()
        };
        let namespace = Namespace {
            metadata,
            ..Default::default()
        };
        let view = View {
            namespaces: Snapshot::of([namespace], &[]),
            accounts: Snapshot::default(),
        };
        let plan = plan(&view, &ObjectKey::new("", "ns"));
        plan.actions().map(|it| it.call.verb.as_str()).collect()
    }

    #[test]
    fn a_namespace_gets_its_account_unless_it_goes() {
        assert_eq!(calls(false), ["create"]);
        assert!(calls(true).is_empty());
    }
}
