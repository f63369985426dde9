//! A service's row.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Service, ServicePort};
use serde_json::Value;

use super::service_type;
use crate::cell;
use crate::metadata::format_labels;

pub(super) fn cells(service: &Service, now: Timestamp) -> Vec<Value> {
    let spec = service.spec.clone().unwrap_or_default();
    let cluster_ip = spec.cluster_ips.as_ref().and_then(|ips| ips.first());
    let ports: Vec<String> = spec.ports.iter().flatten().map(port).collect();
    vec![
        cell::name(&service.metadata),
        service_type(&spec).into(),
        cluster_ip
            .cloned()
            .unwrap_or_else(|| "<none>".to_owned())
            .into(),
        external_ip(service).into(),
        if ports.is_empty() {
            "<none>".into()
        } else {
            ports.join(",").into()
        },
        cell::age(&service.metadata, now),
        format_labels(spec.selector.as_ref()).into(),
    ]
}

fn port(port: &ServicePort) -> String {
    let protocol = port.protocol.as_deref().unwrap_or_default();
    match port.node_port.filter(|&port| port > 0) {
        Some(node_port) => format!("{}:{node_port}/{protocol}", port.port),
        None => format!("{}/{protocol}", port.port),
    }
}

fn external_ip(service: &Service) -> String {
    let Some(spec) = &service.spec else {
        return "<unknown>".to_owned();
    };
    let external = spec.external_ips.as_deref().unwrap_or_default();
    match service_type(spec) {
        "ClusterIP" | "NodePort" if external.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => external.join(","),
        "LoadBalancer" => {
            let mut all: Vec<String> = balancer_addresses(service).into_iter().collect();
            all.extend(external.iter().cloned());
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        "ExternalName" => spec.external_name.clone().unwrap_or_default(),
        _ => "<unknown>".to_owned(),
    }
}

fn balancer_addresses(service: &Service) -> BTreeSet<String> {
    let balancer = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer
        .iter()
        .flat_map(|balancer| balancer.ingress.iter().flatten());
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    ingress
        .filter_map(|ingress| given(&ingress.ip).or_else(|| given(&ingress.hostname)))
        .collect()
}
