//! The config map that every namespace has with the authority's certificate: what pods trust the API by.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use crate::{Action, Controller, Plan, Watched};

/// The config map that service account volumes project.
const ROOT_CA: &str = "kube-root-ca.crt";
/// What Kubernetes writes on it.
const ROOT_CA_NOTE: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal \
     service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
);

/// The controller. Its keys are namespaces.
pub struct RootCaPublisher {
    /// Namespaces.
    pub namespaces: Informer<Namespace>,
    /// The config maps called `kube-root-ca.crt`.
    pub config_maps: Informer<ConfigMap>,
    /// The authority's certificate in PEM.
    pub root_ca: String,
}

/// What a plan looks at.
pub struct View {
    /// Namespaces.
    pub namespaces: Snapshot<Namespace>,
    /// Config maps.
    pub config_maps: Snapshot<ConfigMap>,
}

impl RootCaPublisher {
    /// Which config maps the informer needs to hold.
    pub const CONFIG_MAP_FIELDS: &'static str = "metadata.name=kube-root-ca.crt";
}

impl Controller for RootCaPublisher {
    const NAME: &'static str = "root-ca-certificate-publisher-controller";
    const ACCOUNT: &'static str = "root-ca-cert-publisher";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.namespaces.on_change(move |_, new| {
            if let Some(namespace) = new {
                q.add(ObjectKey::of(&namespace.metadata));
            }
        });
        let q = queue.clone();
        self.config_maps.on_change(move |old, new| {
            if let Some(map) = new.or(old) {
                let namespace = map.metadata.namespace.as_deref().unwrap_or_default();
                q.add(ObjectKey::new("", namespace));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.namespaces, &self.config_maps]
    }

    fn view(&self) -> View {
        View {
            namespaces: self.namespaces.snapshot(),
            config_maps: self.config_maps.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key, &self.root_ca)
    }
}

/// Makes or mends the config map of a namespace, unless that is being deleted.
pub fn plan(view: &View, key: &ObjectKey, root_ca: &str) -> Plan {
    let mut plan = Plan::nothing();
    let namespace = view.namespaces.get(key);
    if namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()) {
        return plan;
    }
    let data = BTreeMap::from([("ca.crt".to_owned(), root_ca.to_owned())]);
    match view.config_maps.get(&ObjectKey::new(&key.name, ROOT_CA)) {
        None => {
            let (note, text) = ROOT_CA_NOTE;
            let metadata = ObjectMeta {
                annotations: Some(BTreeMap::from([(note.into(), text.into())])),
                namespace: Some(key.name.to_string()),
                name: Some(ROOT_CA.to_owned()),
                ..Default::default()
            };
            let map = ConfigMap {
                metadata,
                data: Some(data),
                ..Default::default()
            };
            plan.then(Action::create(map).idempotent());
        }
        Some(map) if map.data.as_ref() != Some(&data) => {
            let mut mended = (**map).clone();
            mended.data = Some(data);
            plan.then(Action::update(mended));
        }
        Some(_) => {}
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(deleting: bool, maps: Vec<ConfigMap>) -> Vec<&'static str> {
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
            config_maps: Snapshot::of(maps, &[]),
        };
        let plan = plan(&view, &ObjectKey::new("", "ns"), "PEM");
        plan.actions().map(|it| it.call.verb.as_str()).collect()
    }

    #[test]
    fn a_namespace_gets_the_certificate_and_a_changed_one_is_mended() {
        assert_eq!(calls(false, vec![]), ["create"]);
        let metadata = ObjectMeta {
            namespace: Some("ns".into()),
            name: Some(ROOT_CA.into()),
            ..Default::default()
        };
        let mut map = ConfigMap {
            metadata,
            ..Default::default()
        };
        assert_eq!(calls(false, vec![map.clone()]), ["update"]);
        map.data = Some([("ca.crt".to_owned(), "PEM".to_owned())].into());
        assert!(calls(false, vec![map]).is_empty());
        assert!(calls(true, vec![]).is_empty());
    }
}
