//! Records, and what objects say of them. Pure.

use std::net::IpAddr;

use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::Endpoint;

use super::zone::{Outcome, TTL};

/// An address that is written as a label stands for itself: whether a pod has it is not looked at (CoreDNS' `pods insecure`).
pub(super) fn pod(name: &Name, label: &str, kind: RecordType) -> Outcome {
    match undashed(label) {
        Some(ip) => addresses(name, &[ip], kind),
        None => Outcome::NoSuchName,
    }
}

pub(super) fn undashed(label: &str) -> Option<IpAddr> {
    let v4 = label.replace('-', ".").parse().map(IpAddr::V4);
    v4.ok()
        .or_else(|| label.replace('-', ":").parse().map(IpAddr::V6).ok())
}

pub(super) fn addresses(name: &Name, ips: &[IpAddr], kind: RecordType) -> Outcome {
    let all = ips.iter().map(|ip| record(name, address(*ip))).collect();
    Outcome::records(of_kind(all, kind))
}

pub(super) fn of_kind(mut records: Vec<Record>, kind: RecordType) -> Vec<Record> {
    records.retain(|record| kind == RecordType::ANY || record.record_type() == kind);
    records
}

pub(super) fn address(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

pub(super) fn record(name: &Name, data: RData) -> Record {
    Record::from_rdata(name.clone(), TTL, data)
}

pub(super) fn is_headless(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

pub(super) fn external_name(service: &Service) -> Option<Name> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() != Some("ExternalName") {
        return None;
    }
    let mut name = Name::from_ascii(spec.external_name.as_deref()?).ok()?;
    name.set_fqdn(true);
    Some(name)
}

pub(super) fn is_ready(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.as_ref();
    conditions.and_then(|c| c.ready).unwrap_or(true)
}

pub(super) fn address_of(endpoint: &Endpoint) -> Option<IpAddr> {
    endpoint.addresses.first()?.parse().ok()
}

/// What an endpoint is called below its service: its host name, or else its address with dashes.
pub(super) fn host_of(endpoint: &Endpoint) -> Option<String> {
    let named = endpoint.hostname.clone().filter(|host| !host.is_empty());
    named.or_else(|| Some(endpoint.addresses.first()?.replace(['.', ':'], "-")))
}
