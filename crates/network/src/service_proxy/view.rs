//! What the API says of services, endpoints and the node.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{Client, Index, Informer, InformerOptions, ListOptions, ObjectKey};

use super::service;

/// The label of a node that names its zone.
const ZONE: &str = "topology.kubernetes.io/zone";
/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The label of services that another proxy takes care of.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";
/// The label of what no proxy leads to, whether or not it has an address.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// What services there are and what is behind them, shared by all who need it.
#[derive(Clone)]
pub struct ServiceView {
    /// All services.
    pub services: Informer<Service>,
    /// All endpoint slices.
    pub slices: Informer<EndpointSlice>,
}

impl ServiceView {
    /// Starts to follow them. The client must be one that may list services and endpoint slices, as `system:kube-proxy` may.
    /// `others`: by what else slices are looked up.
    pub fn start(client: &Client, others: &[Index<EndpointSlice>]) -> Self {
        let own = [Self::by_service(), Self::by_endpoint()];
        let services = InformerOptions {
            list: ListOptions::default(),
            indices: vec![Self::by_address()],
        };
        let slices = InformerOptions {
            list: ListOptions::default(),
            indices: [&own, others].concat(),
        };
        Self {
            services: Informer::start(client.clone(), services),
            slices: Informer::start(client.clone(), slices),
        }
    }

    /// Services by their own addresses.
    pub(crate) fn by_address() -> Index<Service> {
        Index {
            name: "address",
            values: |service| {
                let ips = service::cluster_ips(service).into_iter();
                ips.map(|ip| ip.to_string()).collect()
            },
        }
    }

    /// Slices by the addresses of their endpoints.
    pub(crate) fn by_endpoint() -> Index<EndpointSlice> {
        Index {
            name: "endpoint",
            values: |slice| {
                let endpoints = slice.endpoints.iter().flatten();
                let addresses = endpoints.filter_map(|endpoint| endpoint.addresses.first());
                addresses.cloned().collect()
            },
        }
    }

    /// Slices by `NAMESPACE/NAME` of their service.
    pub(crate) fn by_service() -> Index<EndpointSlice> {
        Index {
            name: "service",
            values: |slice| {
                service_of(slice)
                    .map(|key| key.to_string())
                    .into_iter()
                    .collect()
            },
        }
    }
}

/// The service that a slice belongs to.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(ObjectKey::new(slice.metadata.namespace.as_deref()?, name))
}

/// Whether it is for this proxy: neither another's, nor nobody's.
pub(crate) fn is_proxied(metadata: &ObjectMeta) -> bool {
    let labels = metadata.labels.as_ref();
    let is_marked = |label: &&str| labels.is_some_and(|labels| labels.contains_key(*label));
    ![OTHER_PROXY, HEADLESS].iter().any(is_marked)
}

/// The zone and the addresses of a node.
pub(super) fn of_node(node: &Node) -> (String, Vec<IpAddr>) {
    let labels = node.metadata.labels.as_ref();
    let zone = labels.and_then(|labels| labels.get(ZONE).cloned());
    let status = node.status.as_ref();
    let addresses = status.and_then(|status| status.addresses.as_ref());
    let addresses = addresses.into_iter().flatten();
    let internal = addresses.filter(|address| address.type_ == "InternalIP");
    let internal = internal.filter_map(|address| address.address.parse().ok());
    (zone.unwrap_or_default(), internal.collect())
}
