//! How a webhook is reached.

use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_dns1123_subdomain, is_port_number};

use crate::empty::drop_empty;
use crate::web_address::{WebAddress, parse};

const PORT: i32 = 443;
const FORM: &str = "; desired format: https://host[/path]";

pub(super) fn default_client_config(config: &mut WebhookClientConfig) {
    drop_empty(&mut config.ca_bundle);
    if let Some(service) = &mut config.service {
        service.port.get_or_insert(PORT);
    }
}

/// Checks that it is reached in one way, and in which.
pub(super) fn validate_client_config(config: &WebhookClientConfig, path: &Path) -> ErrorList {
    match (&config.url, &config.service) {
        (Some(url), None) => validate_url(url, &path.child("url")),
        (None, Some(service)) => validate_service(service, &path.child("service")),
        _ => {
            let detail = "exactly one of url or service is required";
            vec![Error::required(path, detail)]
        }
    }
}

fn validate_url(text: &str, path: &Path) -> ErrorList {
    let WebAddress {
        scheme,
        user,
        host,
        query,
        fragment,
    } = match parse(text) {
        Ok(address) => address,
        Err(why) => {
            let detail = format!("url must be a valid URL: {why}{FORM}");
            return vec![Error::required(path, detail)];
        }
    };
    let mut errors = ErrorList::new();
    if scheme != "https" {
        let detail = format!("'https' is the only allowed URL scheme{FORM}");
        errors.push(Error::invalid(path, scheme, detail));
    }
    if host.is_empty() {
        let detail = format!("host must be specified{FORM}");
        errors.push(Error::invalid(path, host, detail));
    }
    if let Some(user) = user {
        let detail = "user information is not permitted in the URL";
        errors.push(Error::invalid(path, user, detail));
    }
    if !fragment.is_empty() {
        let detail = "fragments are not permitted in the URL";
        errors.push(Error::invalid(path, fragment, detail));
    }
    if !query.is_empty() {
        let detail = "query parameters are not permitted in the URL";
        errors.push(Error::invalid(path, query, detail));
    }
    errors
}

fn validate_service(service: &ServiceReference, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    // Kubernetes takes the one for the other here, and tells of each at the other's place.
    if service.namespace.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    if service.name.is_empty() {
        errors.push(Error::required(&path.child("namespace"), ""));
    }
    let port = service.port.unwrap_or(PORT);
    let findings = is_port_number(i64::from(port));
    if !findings.is_empty() {
        let detail = format!("port is not valid: {}", findings.join(", "));
        errors.push(Error::invalid(&path.child("port"), port, detail));
    }
    if let Some(text) = &service.path {
        errors.extend(validate_path(text, &path.child("path")));
    }
    errors
}

fn validate_path(text: &str, path: &Path) -> ErrorList {
    let unfit = |why: String| Error::invalid(path, text, why);
    match text {
        "" | "/" => return ErrorList::new(),
        "//" => return vec![unfit("segment[0] may not be empty".to_owned())],
        _ => {}
    }
    let mut errors = ErrorList::new();
    if !text.starts_with('/') {
        errors.push(unfit("must start with a '/'".to_owned()));
    }
    let mut letters = text.chars();
    letters.next();
    let rest = letters.as_str();
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    for (at, step) in rest.split('/').enumerate() {
        if step.is_empty() {
            errors.push(unfit(format!("segment[{at}] may not be empty")));
            continue;
        }
        let findings = is_dns1123_subdomain(step).into_iter();
        errors.extend(findings.map(|words| unfit(format!("segment[{at}]: {words}"))));
    }
    errors
}
