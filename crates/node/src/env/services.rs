//! The variables that tell of services.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};

use crate::spec;

/// The variables of the API's service, and of the services of the pod's namespace unless it does without (`enableServiceLinks`).
pub(crate) fn service_variables(pod: &Pod, services: &[Arc<Service>]) -> BTreeMap<String, String> {
    let links = spec::spec(pod).enable_service_links.unwrap_or(true);
    let mut variables = BTreeMap::new();
    let mut told: BTreeMap<&str, &Service> = BTreeMap::new();
    for service in services {
        let namespace = service.metadata.namespace.as_deref().unwrap_or("");
        let name = service.metadata.name.as_deref().unwrap_or("");
        if namespace == "default" && name == "kubernetes" {
            told.entry(name).or_insert(service);
        } else if links && namespace == spec::namespace(pod) {
            told.insert(name, service);
        }
    }
    for (name, service) in told {
        describe(name, service, &mut variables);
    }
    variables
}

fn describe(name: &str, service: &Service, variables: &mut BTreeMap<String, String>) {
    let Some(spec) = &service.spec else { return };
    let Some(ip) = spec
        .cluster_ip
        .as_deref()
        .filter(|ip| !ip.is_empty() && *ip != "None")
    else {
        return;
    };
    let upper = |text: &str| text.replace('-', "_").to_uppercase();
    let prefix = upper(name);
    let mut set = |name: String, value: String| variables.insert(name, value);
    set(format!("{prefix}_SERVICE_HOST"), ip.to_owned());
    for (index, port) in spec.ports.as_deref().unwrap_or_default().iter().enumerate() {
        let number = port.port.to_string();
        if index == 0 {
            set(format!("{prefix}_SERVICE_PORT"), number.clone());
        }
        if let Some(name) = port.name.as_deref().filter(|n| !n.is_empty()) {
            set(
                format!("{prefix}_SERVICE_PORT_{}", upper(name)),
                number.clone(),
            );
        }
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let lower = protocol.to_lowercase();
        let host = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        let url = format!("{lower}://{host}:{number}");
        if index == 0 {
            set(format!("{prefix}_PORT"), url.clone());
        }
        let one = format!("{prefix}_PORT_{number}_{}", protocol.to_uppercase());
        set(format!("{one}_PROTO"), lower);
        set(format!("{one}_PORT"), number);
        set(format!("{one}_ADDR"), ip.to_owned());
        set(one, url);
    }
}
