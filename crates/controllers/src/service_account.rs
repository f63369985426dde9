//! What every namespace has from the start: the service account `default` and the config map with the authority's certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use crate::{Action, Controller, Plan, Watched};

/// The service account that pods get which name none.
const DEFAULT: &str = "default";
/// The config map that service account volumes project.
const ROOT_CA: &str = "kube-root-ca.crt";
/// What Kubernetes writes on that config map.
const ROOT_CA_NOTE: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal \
     service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
);

/// The controller. Its keys are namespaces.
pub struct ServiceAccounts {
    /// Namespaces.
    pub namespaces: Informer<Namespace>,
    /// The service accounts called `default`.
    pub accounts: Informer<ServiceAccount>,
    /// The config maps called `kube-root-ca.crt`.
    pub config_maps: Informer<ConfigMap>,
    /// The authority's certificate in PEM.
    pub root_ca: String,
}

/// What a plan looks at.
pub struct View {
    /// Namespaces.
    pub namespaces: Snapshot<Namespace>,
    /// Service accounts.
    pub accounts: Snapshot<ServiceAccount>,
    /// Config maps.
    pub config_maps: Snapshot<ConfigMap>,
}

impl ServiceAccounts {
    /// Which service accounts the informer needs to hold.
    pub const ACCOUNT_FIELDS: &'static str = "metadata.name=default";
    /// Which config maps the informer needs to hold.
    pub const CONFIG_MAP_FIELDS: &'static str = "metadata.name=kube-root-ca.crt";
}

impl Controller for ServiceAccounts {
    const NAME: &'static str = "serviceaccount-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.namespaces.on_change(move |_, new| {
            if let Some(namespace) = new {
                q.add(ObjectKey::of(&namespace.metadata));
            }
        });
        let namespace_of =
            |metadata: &ObjectMeta| ObjectKey::new("", metadata.namespace.as_deref().unwrap_or(""));
        let q = queue.clone();
        self.accounts.on_change(move |old, new| {
            if let (Some(gone), None) = (old, new) {
                q.add(namespace_of(&gone.metadata));
            }
        });
        let q = queue.clone();
        self.config_maps.on_change(move |old, new| {
            if let Some(map) = new.or(old) {
                q.add(namespace_of(&map.metadata));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.namespaces, &self.accounts, &self.config_maps]
    }

    fn view(&self) -> View {
        View {
            namespaces: self.namespaces.snapshot(),
            accounts: self.accounts.snapshot(),
            config_maps: self.config_maps.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key, &self.root_ca)
    }
}

/// Makes or mends what the namespace must have, unless it is being deleted.
pub fn plan(view: &View, key: &ObjectKey, root_ca: &str) -> Plan {
    let mut plan = Plan::nothing();
    let Some(namespace) = view.namespaces.get(key) else {
        return plan;
    };
    if namespace.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let within = |name: &str| ObjectMeta {
        namespace: Some(key.name.to_string()),
        name: Some(name.to_owned()),
        ..Default::default()
    };
    let mut actions = Vec::new();
    if view
        .accounts
        .get(&ObjectKey::new(&key.name, DEFAULT))
        .is_none()
    {
        actions.push(
            Action::create(ServiceAccount {
                metadata: within(DEFAULT),
                ..Default::default()
            })
            .idempotent(),
        );
    }
    let data = BTreeMap::from([("ca.crt".to_owned(), root_ca.to_owned())]);
    match view.config_maps.get(&ObjectKey::new(&key.name, ROOT_CA)) {
        None => {
            let (name, text) = ROOT_CA_NOTE;
            let metadata = ObjectMeta {
                annotations: Some(BTreeMap::from([(name.into(), text.into())])),
                ..within(ROOT_CA)
            };
            actions.push(
                Action::create(ConfigMap {
                    metadata,
                    data: Some(data),
                    ..Default::default()
                })
                .idempotent(),
            );
        }
        Some(map) if map.data.as_ref() != Some(&data) => {
            let mut mended = (**map).clone();
            mended.data = Some(data);
            actions.push(Action::update(mended));
        }
        Some(_) => {}
    }
    plan.then_all(actions);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(deleting: bool) -> Namespace {
        let metadata = ObjectMeta {
            name: Some("ns".into()),
            deletion_timestamp: deleting.then(|| Timestamp::UNIX_EPOCH.into()),
            ..Default::default()
        };
        Namespace {
            metadata,
            ..Default::default()
        }
    }

    fn calls(deleting: bool, maps: Vec<ConfigMap>) -> Vec<String> {
        let view = View {
            namespaces: Snapshot::of([namespace(deleting)], &[]),
            accounts: Snapshot::default(),
            config_maps: Snapshot::of(maps, &[]),
        };
        let plan = plan(&view, &ObjectKey::new("", "ns"), "PEM");
        plan.actions()
            .map(|a| format!("{} {}", a.call.verb.as_str(), a.call.resource.resource))
            .collect()
    }

    #[test]
    fn a_namespace_gets_what_it_lacks() {
        assert_eq!(
            calls(false, vec![]),
            ["create serviceaccounts", "create configmaps"]
        );
    }

    #[test]
    fn a_changed_certificate_is_mended() {
        let metadata = ObjectMeta {
            namespace: Some("ns".into()),
            name: Some(ROOT_CA.into()),
            ..Default::default()
        };
        let map = ConfigMap {
            metadata,
            ..Default::default()
        };
        assert_eq!(
            calls(false, vec![map]),
            ["create serviceaccounts", "update configmaps"]
        );
    }

    #[test]
    fn a_namespace_that_goes_gets_nothing() {
        assert!(calls(true, vec![]).is_empty());
    }
}
