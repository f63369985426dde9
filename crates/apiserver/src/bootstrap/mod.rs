//! The objects that must be there before anybody can work: made when the server starts, through its own pipeline.

mod api_services;
pub(crate) mod flow_control;
mod kube_dns_service;
mod kubernetes_service;
mod legacy_tokens;
mod roles;
mod service_cidr;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use navarch_api::call::{Body, Call, Endpoint, Gvr, Options};
use navarch_api::def::Verb;
use navarch_api::scheduling::SYSTEM_CLASSES;
use navarch_auth::{API_SERVER, KUBELET_CLIENT, MASTERS, SERVICE_PROXY_ACCOUNT, UserInfo};
use navarch_machinery::status::Result;
use serde_json::{Value, json};

use crate::{ApiServer, authorization};

/// How often it is seen to that they are still there. Kubernetes' API server looks for its own service as often.
const UPKEEP: Duration = Duration::from_secs(10);
const NAMESPACES: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

impl ApiServer {
    /// Makes what is missing: namespaces, the account of nodes' network, the addresses that services have, the classes of the system's own pods, the roles and
    /// bindings that everybody works by, the service `kubernetes` with this server's address behind it, `kube-dns`, what says which groups
    /// are served here, and the configuration of flow control, which is kept up from then on.
    pub async fn bootstrap(self: &Arc<Self>) -> Result<()> {
        let me = self.own_endpoint();
        namespaces(&*me).await?;
        network_account(&*me).await?;
        self.bootstrap_service_cidr(&*me).await?;
        for class in SYSTEM_CLASSES {
            let object = json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": class.name},
                "value": class.value, "description": class.description,
            });
            let group = "scheduling.k8s.io";
            ensure(&*me, group, "priorityclasses", None, class.name, object).await?;
        }
        roles::ensure(self, &*me).await?;
        kubelet_client(&*me).await?;
        legacy_tokens::track(&*me, self.clock.now()).await?;
        if let Some(used) = self.authenticator.used() {
            tokio::spawn(legacy_tokens::mark(Arc::downgrade(self), used));
        }
        self.health.roles.store(true, Ordering::Release);
        kubernetes_service::ensure(self, &*me).await?;
        kube_dns_service::ensure(self, &*me).await;
        flow_control::ensure(self, &*me).await?;
        tokio::spawn(flow_control::keep(Arc::downgrade(self)));
        tokio::spawn(keep(Arc::downgrade(self)));
        tokio::spawn(authorization::keep_up(Arc::downgrade(self)));
        self.bootstrap_api_services(&*me).await?;
        self.health.bootstrapped.store(true, Ordering::Release);
        Ok(())
    }

    /// Says, in the endpoints of the service `kubernetes`, where pods reach this server: for one that listens only where its own host
    /// reaches it, and for its pods apart.
    pub async fn advertise_to_pods(self: &Arc<Self>, address: SocketAddr) -> Result<()> {
        *self.from_pods.write() = Some(address);
        kubernetes_service::ensure(self, &*self.own_endpoint()).await
    }

    /// Where pods reach this server.
    pub(crate) fn reached_at(&self) -> SocketAddr {
        self.from_pods.read().unwrap_or(self.advertise)
    }

    /// The server itself, as a client.
    fn own_endpoint(self: &Arc<Self>) -> Arc<dyn Endpoint> {
        let myself = UserInfo::authenticated(API_SERVER, [MASTERS.to_owned()]);
        self.as_user(myself)
    }
}

/// Lets this server ask nodes for all that their own API gives: they ask it back who may. Kubernetes leaves this binding to whoever
/// sets a cluster up.
async fn kubelet_client(me: &dyn Endpoint) -> Result<()> {
    let (group, name) = ("rbac.authorization.k8s.io", "navarch:kubelet-api-admin");
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:kubelet-api-admin"},
        "subjects": [{"kind": "User", "apiGroup": group, "name": KUBELET_CLIENT}],
    });
    ensure(me, group, "clusterrolebindings", None, name, binding).await
}

async fn namespaces(me: &dyn Endpoint) -> Result<()> {
    for name in NAMESPACES {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        ensure(me, "", "namespaces", None, name, namespace).await?;
    }
    Ok(())
}

/// The account by whose tokens nodes that have joined see services and network policies. Kubernetes leaves it to whoever sets a cluster up.
async fn network_account(me: &dyn Endpoint) -> Result<()> {
    let (namespace, name) = SERVICE_PROXY_ACCOUNT;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    ensure(me, "", "serviceaccounts", Some(namespace), name, account).await
}

/// Brings back the namespaces, the account of nodes' network and the services `kubernetes` and `kube-dns` when somebody deletes them, for as long as the server is there.
async fn keep(server: Weak<ApiServer>) {
    let Some(closing) = server.upgrade().map(|server| server.closing.clone()) else {
        return;
    };
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            _ = upkeep.tick() => {}
        }
        let Some(server) = server.upgrade() else {
            return;
        };
        let me = server.own_endpoint();
        for kept in [
            namespaces(&*me).await,
            network_account(&*me).await,
            kubernetes_service::ensure(&server, &*me).await,
            legacy_tokens::track(&*me, server.clock.now()).await,
        ] {
            if let Err(error) = kept {
                tracing::warn!(%error, "the service kubernetes, the system's namespaces, the account of nodes' network, and since when tokens are tracked");
            }
        }
        kube_dns_service::ensure(&server, &*me).await;
    }
}

fn call(
    verb: Verb,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
    name: Option<&str>,
    body: Body,
) -> Call {
    Call {
        verb,
        resource: Gvr {
            group: group.into(),
            version: "v1".into(),
            resource: resource.into(),
        },
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource: None,
        body,
        options: Options::default(),
    }
}

/// Creates an object unless it is there.
async fn ensure(
    me: &dyn Endpoint,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
    name: &str,
    object: Value,
) -> Result<()> {
    match me
        .call(call(
            Verb::Get,
            group,
            resource,
            namespace,
            Some(name),
            Body::None,
        ))
        .await
    {
        Ok(_) => return Ok(()),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    match me
        .call(call(
            Verb::Create,
            group,
            resource,
            namespace,
            None,
            Body::Json(object),
        ))
        .await
    {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}
