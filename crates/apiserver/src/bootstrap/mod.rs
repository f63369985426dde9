//! The objects that must be there before anybody can work: made when the server starts, through its own pipeline.

mod api_services;
pub(crate) mod flow_control;
mod service_cidr;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use navarch_api::call::{Answer, Body, Call, Endpoint, Gvr, Options};
use navarch_api::def::Verb;
use navarch_api::scheduling::SYSTEM_CLASSES;
use navarch_auth::{MASTERS, UserInfo};
use navarch_machinery::status::Result;
use serde_json::{Value, json};

use crate::ApiServer;

const NAMESPACES: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

impl ApiServer {
    /// Makes what is missing: namespaces, the addresses that services have, the classes of the system's own pods, the service
    /// `kubernetes` with this server's address behind it, what says which groups are served here, and the configuration of
    /// flow control, which is kept up from then on.
    pub async fn bootstrap(self: &Arc<Self>) -> Result<()> {
        let me = self.own_endpoint();
        for name in NAMESPACES {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            ensure(&*me, "", "namespaces", None, name, namespace).await?;
        }
        self.bootstrap_service_cidr(&*me).await?;
        for class in SYSTEM_CLASSES {
            let object = json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": class.name},
                "value": class.value, "description": class.description,
            });
            let group = "scheduling.k8s.io";
            ensure(&*me, group, "priorityclasses", None, class.name, object).await?;
        }
        let port = self.advertise.port();
        let labels = json!({"component": "apiserver", "provider": "kubernetes"});
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
            "spec": {
                "type": "ClusterIP", "clusterIP": self.service_address().to_string(), "sessionAffinity": "None",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
            },
        });
        ensure(&*me, "", "services", Some("default"), "kubernetes", service).await?;
        let address = self.advertise.ip();
        // Nothing may point at an address that is reachable from its own host only.
        if !address.is_loopback() && !address.is_unspecified() {
            self.publish(&*me, address, port).await?;
        }
        flow_control::ensure(self, &*me).await?;
        tokio::spawn(flow_control::keep(Arc::downgrade(self)));
        self.bootstrap_api_services(&*me).await?;
        self.health.bootstrapped.store(true, Ordering::Release);
        Ok(())
    }

    /// The server itself, as a client.
    fn own_endpoint(self: &Arc<Self>) -> Arc<dyn Endpoint> {
        let myself = UserInfo::authenticated("system:apiserver", [MASTERS.to_owned()]);
        self.as_user(myself)
    }

    async fn publish(&self, me: &dyn Endpoint, address: IpAddr, port: u16) -> Result<()> {
        let endpoints = json!({
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{
                "addresses": [{"ip": address}],
                "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
            }],
        });
        replace(me, "", "endpoints", endpoints).await?;
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
            "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        });
        replace(me, "discovery.k8s.io", "endpointslices", slice).await
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

/// Creates an object of the service `kubernetes`, or makes it so where it is there.
async fn replace(me: &dyn Endpoint, group: &str, resource: &str, object: Value) -> Result<()> {
    let (namespace, name) = (Some("default"), "kubernetes");
    ensure(me, group, resource, namespace, name, object.clone()).await?;
    let updated = me
        .call(call(
            Verb::Update,
            group,
            resource,
            namespace,
            Some(name),
            Body::Json(object),
        ))
        .await?;
    debug_assert!(matches!(updated, Answer::Object(_)));
    Ok(())
}
