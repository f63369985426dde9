//! Addresses that services hold.

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{IPAddress, IPAddressSpec, ParentReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_valid_ip;
use serde::Serialize;
use serde_json::Value;

use crate::cell;
use crate::check::{dns_subdomain, found, path_segment};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::shown::{Raw, json};
use crate::strategy::{Hooks, MetadataRules, Part};

const FAMILY: &str = "ipaddress.kubernetes.io/ip-family";
const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR: &str = "ipallocator.k8s.io";
const SERVICES: &str = "services";

/// The object that says which service holds an address.
pub fn of_service(address: IpAddr, namespace: &str, name: &str) -> IPAddress {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let labels = [(FAMILY, family), (MANAGED_BY, ALLOCATOR)];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    IPAddress {
        metadata: ObjectMeta {
            name: Some(address.to_string()),
            labels: Some(labels.into()),
            ..Default::default()
        },
        spec: IPAddressSpec {
            parent_ref: ParentReference {
                group: None,
                resource: SERVICES.to_owned(),
                namespace: Some(namespace.to_owned()),
                name: name.to_owned(),
            },
        },
    }
}

/// Whether it is this service that holds the address.
pub fn is_held_by(address: &IPAddress, namespace: &str, name: &str) -> bool {
    let parent = &address.spec.parent_ref;
    parent.group.is_none()
        && parent.resource == SERVICES
        && parent.namespace.as_deref() == Some(namespace)
        && parent.name == name
}

impl Hooks for IPAddress {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "ParentRef",
            "string",
            "",
            0,
            "ParentRef references the resource that an IPAddress is attached to. An IPAddress must reference a parent object.",
        ),
    ];

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.parent_ref.group);
        drop_empty(&mut self.spec.parent_ref.namespace);
    }

    fn name_errors(name: &str, _prefix: bool) -> Vec<String> {
        let found = is_valid_ip(&Path::root(), name);
        found.into_iter().map(|error| error.detail).collect()
    }

    fn validate_create(&self) -> ErrorList {
        validate_parent(&self.spec.parent_ref, &Path::new("spec").child("parentRef"))
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = self.validate_create();
        let (parent, before) = (&self.spec.parent_ref, &old.spec.parent_ref);
        if parent != before {
            let path = Path::new("spec").child("parentRef");
            errors.push(Error::invalid(&path, shown(parent), "field is immutable"));
        }
        errors
    }

    // Kubernetes has a cell more than columns here.
    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let ParentReference {
            group,
            resource,
            namespace,
            name,
        } = &self.spec.parent_ref;
        let mut parent = match group {
            Some(group) => format!("{resource}.{group}"),
            None => resource.clone(),
        };
        parent.make_ascii_lowercase();
        for part in namespace.iter().chain([name]) {
            parent.push('/');
            parent.push_str(part);
        }
        vec![
            cell::name(&self.metadata),
            parent.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn validate_parent(parent: &ParentReference, path: &Path) -> ErrorList {
    // The type has no place for a reference that is not there.
    if *parent == ParentReference::default() {
        return vec![Error::required(path, "")];
    }
    let mut errors = ErrorList::new();
    if let Some(group) = &parent.group {
        errors.extend(dns_subdomain(group, &path.child("group")));
    }
    errors.extend(path_segment(&parent.resource, &path.child("resource")));
    errors.extend(path_segment(&parent.name, &path.child("name")));
    if let Some(namespace) = &parent.namespace {
        let findings = naming::path_segment(namespace, false);
        errors.extend(found(namespace, findings, &path.child("namespace")));
    }
    errors
}

/// As Kubernetes keeps it in memory, where members have no other names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    group: &'a str,
    resource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

fn shown(parent: &ParentReference) -> Raw {
    json(&Shown {
        group: parent.group.as_deref().unwrap_or_default(),
        resource: &parent.resource,
        namespace: parent.namespace.as_deref().unwrap_or_default(),
        name: &parent.name,
    })
}
