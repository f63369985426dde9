//! The checks of an ingress.

use k8s_openapi::api::core::v1::TypedLocalObjectReference;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressLoadBalancerIngress,
    IngressRule, IngressServiceBackend, IngressTLS,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{
    is_port_name, is_valid_ip_for_legacy_field, is_wildcard_dns1123_subdomain, parse_ip_sloppy,
};

use crate::check::{dns_label, dns_subdomain, found, one_of, path_segment, port_number};
use crate::shown::json;

const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];
const BAD_SEQUENCES: &[&str] = &["//", "/./", "/../", "%2f", "%2F"];
const BAD_ENDS: &[&str] = &["/..", "/."];
const NO_IP: &str = "must be a DNS name, not an IP address";

/// Checks the spec. What was let through before is let through again where it is in `old` already.
pub(super) fn spec(ingress: &Ingress, old: Option<&Ingress>) -> ErrorList {
    let path = Path::new("spec");
    let Some(spec) = &ingress.spec else {
        return ErrorList::new();
    };
    let mut errors = ErrorList::new();
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.push(Error::invalid(&path, json(&spec.rules), detail));
    }
    if let Some(default) = &spec.default_backend {
        errors.extend(backend(default, &path.child("defaultBackend")));
    }
    let lenient = old.is_some_and(has_bad_wildcard_rule);
    for (at, one) in rules.iter().enumerate() {
        errors.extend(rule(one, lenient, &path.child("rules").index(at)));
    }
    let lenient = old.is_some_and(has_bad_secret_name);
    for (at, one) in spec.tls.iter().flatten().enumerate() {
        errors.extend(tls(one, lenient, &path.child("tls").index(at)));
    }
    if let Some(class) = &spec.ingress_class_name {
        errors.extend(dns_subdomain(class, &path.child("ingressClassName")));
    }
    errors
}

fn has_bad_wildcard_rule(ingress: &Ingress) -> bool {
    let rules = ingress
        .spec
        .iter()
        .flat_map(|spec| spec.rules.iter().flatten());
    let mut wild = rules.filter(|rule| rule.host.as_deref().is_some_and(|host| host.contains('*')));
    wild.any(|rule| !http(rule.http.as_ref(), &Path::root()).is_empty())
}

fn has_bad_secret_name(ingress: &Ingress) -> bool {
    let mut all = ingress
        .spec
        .iter()
        .flat_map(|spec| spec.tls.iter().flatten());
    all.any(|tls| !secret_name(tls, &Path::root()).is_empty())
}

fn rule(rule: &IngressRule, lenient: bool, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let host = rule.host.as_deref().unwrap_or_default();
    let wild = host.contains('*');
    if !host.is_empty() {
        errors.extend(no_ip(host, &path.child("host")));
        errors.extend(name_of_host(host, &path.child("host")));
    }
    if !wild || !lenient {
        errors.extend(http(rule.http.as_ref(), &path.child("http")));
    }
    errors
}

fn no_ip(host: &str, path: &Path) -> Option<Error> {
    parse_ip_sloppy(host).map(|_| Error::invalid(path, host, NO_IP))
}

fn name_of_host(host: &str, path: &Path) -> ErrorList {
    if host.contains('*') {
        found(host, is_wildcard_dns1123_subdomain(host), path)
    } else {
        dns_subdomain(host, path)
    }
}

fn http(value: Option<&HTTPIngressRuleValue>, path: &Path) -> ErrorList {
    let Some(value) = value else {
        return ErrorList::new();
    };
    let path = path.child("paths");
    let mut errors = ErrorList::new();
    if value.paths.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    for (at, one) in value.paths.iter().enumerate() {
        errors.extend(http_path(one, &path.index(at)));
    }
    errors
}

fn http_path(path: &HTTPIngressPath, at: &Path) -> ErrorList {
    let text = path.path.as_deref().unwrap_or_default();
    let unfit = |why: String| Error::invalid(&at.child("path"), text, why);
    let relative = !text.starts_with('/');
    let mut errors = ErrorList::new();
    match path.path_type.as_str() {
        "" => {
            let detail = "pathType must be specified";
            return vec![Error::required(&at.child("pathType"), detail)];
        }
        "Exact" | "Prefix" => {
            if relative {
                errors.push(unfit("must be an absolute path".to_owned()));
            }
            let within = BAD_SEQUENCES.iter().filter(|bad| text.contains(**bad));
            errors.extend(within.map(|bad| unfit(format!("must not contain '{bad}'"))));
            let ends = BAD_ENDS.iter().filter(|bad| text.ends_with(**bad));
            errors.extend(ends.map(|bad| unfit(format!("cannot end with '{bad}'"))));
        }
        "ImplementationSpecific" if !text.is_empty() && relative => {
            errors.push(unfit("must be an absolute path".to_owned()));
        }
        other => errors.extend(one_of(other, PATH_TYPES, &at.child("pathType"))),
    }
    errors.extend(backend(&path.backend, &at.child("backend")));
    errors
}

fn backend(backend: &IngressBackend, path: &Path) -> ErrorList {
    match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => {
            let detail = "cannot set both resource and service backends";
            vec![Error::invalid(path, "", detail)]
        }
        (Some(resource), None) => reference(resource, &path.child("resource")),
        (None, Some(service)) => service_backend(service, path),
        (None, None) => {
            let detail = "resource or service backend is required";
            vec![Error::invalid(path, "", detail)]
        }
    }
}

fn reference(reference: &TypedLocalObjectReference, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(group) = &reference.api_group {
        errors.extend(dns_subdomain(group, &path.child("apiGroup")));
    }
    errors.extend(path_segment(&reference.kind, &path.child("kind")));
    errors.extend(path_segment(&reference.name, &path.child("name")));
    errors
}

fn service_backend(service: &IngressServiceBackend, path: &Path) -> ErrorList {
    let at = path.child("service");
    let mut errors = match service.name.as_str() {
        "" => vec![Error::required(&at.child("name"), "")],
        name => dns_label(name, &at.child("name")),
    };
    let port = service.port.clone().unwrap_or_default();
    let at = at.child("port");
    match (port.name, port.number) {
        (Some(_), Some(_)) => {
            let detail = "cannot set both port name & port number";
            errors.push(Error::invalid(path, "", detail));
        }
        (Some(name), None) => errors.extend(found(&name, is_port_name(&name), &at.child("name"))),
        (None, Some(number)) => errors.extend(port_number(number, &at.child("number"))),
        (None, None) => errors.push(Error::required(path, "port name or number is required")),
    }
    errors
}

fn tls(tls: &IngressTLS, lenient: bool, path: &Path) -> ErrorList {
    let hosts = tls.hosts.iter().flatten().enumerate();
    let mut errors: ErrorList = hosts
        .flat_map(|(at, host)| name_of_host(host, &path.child("hosts").index(at)))
        .collect();
    if !lenient {
        errors.extend(secret_name(tls, &path.child("secretName")));
    }
    errors
}

fn secret_name(tls: &IngressTLS, path: &Path) -> ErrorList {
    let name = tls.secret_name.iter();
    name.flat_map(|name| dns_subdomain(name, path)).collect()
}

/// Where the ingress can be reached.
pub(super) fn points(ingress: &Ingress) -> &[IngressLoadBalancerIngress] {
    let status = ingress.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    balancer
        .and_then(|balancer| balancer.ingress.as_deref())
        .unwrap_or_default()
}

/// Checks the status.
pub(super) fn status(ingress: &Ingress, old: &Ingress) -> ErrorList {
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let known = |ip: &str| {
        points(old)
            .iter()
            .any(|point| point.ip.as_deref() == Some(ip))
    };
    let mut errors = ErrorList::new();
    for (at, point) in points(ingress).iter().enumerate() {
        let path = path.index(at);
        if let Some(ip) = &point.ip {
            errors.extend(is_valid_ip_for_legacy_field(
                &path.child("ip"),
                ip,
                !known(ip),
            ));
        }
        if let Some(hostname) = &point.hostname {
            let path = path.child("hostname");
            errors.extend(dns_subdomain(hostname, &path));
            errors.extend(no_ip(hostname, &path));
        }
    }
    errors
}
