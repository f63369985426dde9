//! The service `kubernetes`: by it programs in pods find the API.

use std::net::IpAddr;

use navarch_api::call::{Body, Endpoint, PatchKind};
use navarch_api::def::Verb;
use navarch_machinery::status::Result;
use serde_json::{Value, json};

use super::call;
use crate::ApiServer;

/// Makes the service where it is missing, and has what is behind it say this server's address.
pub(super) async fn ensure(server: &ApiServer, me: &dyn Endpoint) -> Result<()> {
    let advertise = server.reached_at();
    let (address, port) = (advertise.ip(), advertise.port());
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {
            "type": "ClusterIP", "clusterIP": server.service_address().to_string(), "sessionAffinity": "None",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
        },
    });
    super::ensure(me, "", "services", Some("default"), "kubernetes", service).await?;
    // Nothing may point at an address that is reachable from its own host only.
    if address.is_loopback() || address.is_unspecified() {
        return Ok(());
    }
    publish(me, address, port).await
}

async fn publish(me: &dyn Endpoint, address: IpAddr, port: u16) -> Result<()> {
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
    put(me, "", "endpoints", endpoints).await?;
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
    put(me, "discovery.k8s.io", "endpointslices", slice).await
}

/// Creates an object of the service `kubernetes`, or makes it say this where it is there; what others put on it stays.
async fn put(me: &dyn Endpoint, group: &str, resource: &str, object: Value) -> Result<()> {
    let (namespace, name) = (Some("default"), "kubernetes");
    super::ensure(me, group, resource, namespace, name, object.clone()).await?;
    let patch = Body::Patch(PatchKind::Merge, object);
    me.call(call(
        Verb::Patch,
        group,
        resource,
        namespace,
        Some(name),
        patch,
    ))
    .await
    .map(drop)
}
