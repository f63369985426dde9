//! Ingresses.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{
    Ingress, IngressBackend, IngressRule, IngressSpec, IngressStatus,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::warnings_for_ip;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::raise_generation;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

/// How a class was named before there was a field for it.
pub const CLASS: &str = "kubernetes.io/ingress.class";
/// Hosts that are shown.
const HOSTS: usize = 3;

impl Hooks for Ingress {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Class",
            "string",
            "",
            0,
            "The name of the IngressClass resource that should be used for additional configuration",
        ),
        Column::of(
            "Hosts",
            "string",
            "",
            0,
            "Hosts that incoming requests are matched against before the ingress rule",
        ),
        Column::of(
            "Address",
            "string",
            "",
            0,
            "Address is a list containing ingress points for the load-balancer",
        ),
        Column::of(
            "Ports",
            "string",
            "",
            0,
            "Ports of TLS configurations that open",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        default_spec(self.spec.get_or_insert_default());
        default_status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        let mut status = IngressStatus::default();
        default_status(&mut status);
        self.status = Some(status);
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if self.spec != old.spec {
            raise_generation(&mut self.metadata, &old.metadata);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let mut errors = validate::spec(self, None);
        let spec = self.spec.as_ref();
        let class = spec.and_then(|spec| spec.ingress_class_name.as_ref());
        if let (Some(old), Some(class)) = (class_annotation(self), class)
            && old != class
        {
            let path = Path::new("annotations").child(CLASS);
            let detail = "must match `ingressClassName` when both are specified";
            errors.push(Error::invalid(&path, old.as_str(), detail));
        }
        errors
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return validate::status(self, old);
        }
        validate::spec(self, Some(old))
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let class = self
            .spec
            .as_ref()
            .and_then(|spec| spec.ingress_class_name.as_ref());
        match old {
            None if class.is_none() && class_annotation(self).is_some() => vec![format!(
                "annotation {CLASS:?} is deprecated, please use 'spec.ingressClassName' instead"
            )],
            _ => Vec::new(),
        }
    }

    fn status_warnings(&self) -> Vec<String> {
        address_warnings(self)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        let class = spec
            .ingress_class_name
            .unwrap_or_else(|| "<none>".to_owned());
        vec![
            cell::name(&self.metadata),
            class.into(),
            hosts(spec.rules.as_deref().unwrap_or_default()).into(),
            addresses(self).into(),
            if spec.tls.is_some() { "80, 443" } else { "80" }.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn class_annotation(ingress: &Ingress) -> Option<&String> {
    let annotations = ingress.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(CLASS))
}

fn default_spec(spec: &mut IngressSpec) {
    if let Some(backend) = &mut spec.default_backend {
        default_backend(backend);
    }
    drop_empty(&mut spec.rules);
    for rule in spec.rules.iter_mut().flatten() {
        drop_empty(&mut rule.host);
        for path in rule.http.iter_mut().flat_map(|http| &mut http.paths) {
            drop_empty(&mut path.path);
            default_backend(&mut path.backend);
        }
    }
    drop_empty(&mut spec.tls);
    for tls in spec.tls.iter_mut().flatten() {
        drop_empty(&mut tls.hosts);
        drop_empty(&mut tls.secret_name);
    }
}

fn default_backend(backend: &mut IngressBackend) {
    if let Some(service) = &mut backend.service {
        let port = service.port.get_or_insert_default();
        drop_empty(&mut port.name);
        drop_empty(&mut port.number);
    }
}

fn default_status(status: &mut IngressStatus) {
    let balancer = status.load_balancer.get_or_insert_default();
    drop_empty(&mut balancer.ingress);
    for point in balancer.ingress.iter_mut().flatten() {
        drop_empty(&mut point.hostname);
        drop_empty(&mut point.ip);
        drop_empty(&mut point.ports);
    }
}

fn address_warnings(ingress: &Ingress) -> Vec<String> {
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let points = validate::points(ingress).iter().enumerate();
    points
        .filter_map(|(at, point)| Some((at, point.ip.as_deref()?)))
        .flat_map(|(at, ip)| warnings_for_ip(&path.index(at), ip))
        .collect()
}

/// The first hosts, and how many rules there are more.
fn hosts(rules: &[IngressRule]) -> String {
    let mut shown: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= shown.len() == HOSTS;
        if let Some(host) = rule.host.as_deref().filter(|_| !more) {
            shown.push(host);
        }
    }
    match (shown.join(","), more) {
        (none, _) if none.is_empty() => "*".to_owned(),
        (some, false) => some,
        (some, true) => format!("{some} + {} more...", rules.len() - HOSTS),
    }
}

fn addresses(ingress: &Ingress) -> String {
    let points = validate::points(ingress).iter();
    let addresses = points.filter_map(|point| point.ip.as_ref().or(point.hostname.as_ref()));
    let mut addresses: Vec<&str> = addresses.map(String::as_str).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.join(",")
}
