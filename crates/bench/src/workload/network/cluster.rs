//! The services of a run: without a selector, so that their endpoints are what the workload says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::echo;
use crate::api::{Api, JSON};
use crate::load::{self, Until};
use crate::options::Common;
use crate::scope;

/// The port of each.
const PORT: u16 = 80;

/// A namespace's services.
#[derive(Clone)]
pub(super) struct Services {
    api: Arc<Api>,
    pub(super) namespace: String,
}

/// Does the work with services of a namespace of their own, which goes when it is done.
pub(super) async fn with_services<F>(
    common: &Common,
    work: impl FnOnce(Services) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let api = Api::open(common).await?;
    scope::in_namespace(&api, |namespace| {
        let api = api.clone();
        work(Services { api, namespace })
    })
    .await
}

impl Services {
    /// Makes a service; the address that it has been given.
    pub(super) async fn create(&self, name: &str, address: Option<IpAddr>) -> Result<SocketAddr> {
        let (path, object) = (self.services(), body(&service(name, address)));
        let made = self.api.json(Method::POST, &path, Some(object)).await?;
        let address = made["spec"]["clusterIP"].as_str().unwrap_or_default();
        let address = address.parse().with_context(|| format!("{made}"))?;
        Ok(SocketAddr::new(address, PORT))
    }

    /// An address that no service has any more, for the next to be made by name: what nobody has can only be told by having had it.
    pub(super) async fn free_address(&self, name: &str) -> Result<SocketAddr> {
        let address = self.create(name, None).await?;
        let path = format!("{}/{name}", self.services());
        self.api.delete(&path, &json!({})).await?;
        Ok(address)
    }

    /// Says for the first time where a service leads.
    pub(super) async fn lead(&self, name: &str, to: &[IpAddr]) -> Result<()> {
        self.api.create(&self.slices(), &slice(name, to)).await
    }

    /// Says it anew.
    pub(super) async fn lead_on(&self, name: &str, to: &[IpAddr]) -> Result<()> {
        let path = format!("{}/{name}", self.slices());
        let object = body(&slice(name, to));
        self.api
            .call(Method::PUT, &path, Some(object))
            .await
            .map(drop)
    }

    /// Makes so many services `s0`, `s1`… that lead there.
    pub(super) async fn create_many(
        &self,
        count: usize,
        in_flight: usize,
        to: &[IpAddr],
    ) -> Result<Vec<SocketAddr>> {
        let (sender, mut addresses) = tokio::sync::mpsc::channel(count.max(1));
        let (services, to) = (self.clone(), Arc::<[IpAddr]>::from(to));
        load::run(in_flight, Until::count(count), move |turn| {
            let (services, to, sender) = (services.clone(), to.clone(), sender.clone());
            async move {
                let name = format!("s{turn}");
                services.lead(&name, &to).await?;
                let address = services.create(&name, None).await?;
                Ok(sender.send(address).await?)
            }
        })
        .await?;
        let mut all = Vec::with_capacity(count);
        addresses.recv_many(&mut all, count).await;
        Ok(all)
    }

    fn services(&self) -> String {
        format!("/api/v1/namespaces/{}/services", self.namespace)
    }

    fn slices(&self) -> String {
        format!(
            "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
            self.namespace
        )
    }
}

fn body(object: &Value) -> (&'static str, Bytes) {
    (JSON, object.to_string().into())
}

fn service(name: &str, address: Option<IpAddr>) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"port": PORT, "targetPort": echo::PORT}]},
    });
    if let Some(address) = address {
        service["spec"]["clusterIP"] = json!(address);
    }
    service
}

fn slice(name: &str, to: &[IpAddr]) -> Value {
    let kind = match to.first() {
        Some(IpAddr::V6(_)) => "IPv6",
        _ => "IPv4",
    };
    let endpoints = to
        .iter()
        .map(|address| json!({"addresses": [address], "conditions": {"ready": true}}));
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": kind, "endpoints": endpoints.collect::<Vec<_>>(), "ports": [{"port": echo::PORT}],
    })
}
