//! Services. What they are given addresses and ports from is the server's; [`allocate`] says what they need.

pub mod allocate;
mod cells;
mod change;
mod kind;
pub mod node_ports;
mod traffic;
mod validate;
mod validate_ips;
mod warnings;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ClientIPConfig, Service, ServicePort, ServiceSpec, ServiceStatus, SessionAffinityConfig,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

pub use kind::{
    HEADLESS, gets_node_ports, is_externally_accessible, is_headless, needs_cluster_ip,
    needs_health_check_port, needs_node_ports, service_type,
};
pub use validate_ips::validate_ip_fields;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, Part, UpdateRules};

/// How long a client stays with an endpoint when nobody says: three hours.
const AFFINITY_SECONDS: i32 = 10_800;

impl Hooks for Service {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Type",
            "string",
            "",
            0,
            "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, \
            and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are \
            determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice \
            objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints \
            rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same \
            endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in \
            the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the \
            specified externalName. Several other fields do not apply to ExternalName services. More info: \
            https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
        ),
        Column::of(
            "Cluster-IP",
            "string",
            "",
            0,
            "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is \
            in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of \
            the service will fail. This field may not be changed through updates unless the type field is also being changed to \
            ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case \
            this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid \
            IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint \
            connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If \
            this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when \
            updating a Service to type ExternalName. More info: \
            https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
        ),
        Column::of(
            "External-IP",
            "string",
            "",
            0,
            "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These \
            IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A \
            common example is external load-balancers that are not part of the Kubernetes system.",
        ),
        Column::of(
            "Port(s)",
            "string",
            "",
            0,
            "The list of ports that are exposed by this service. More info: \
            https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
        ),
        cell::AGE,
        Column::of(
            "Selector",
            "string",
            "",
            1,
            "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is \
            assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types \
            ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: \
            https://kubernetes.io/docs/concepts/services-networking/service/",
        ),
    ];
    const FIELDS: &'static [&'static str] = &["spec.clusterIP", "spec.type"];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty_fields(spec);
        default_text(&mut spec.session_affinity, "None");
        default_affinity_config(spec);
        default_text(&mut spec.type_, "ClusterIP");
        spec.ports.iter_mut().flatten().for_each(default_port);
        if is_externally_accessible(spec) {
            default_text(&mut spec.external_traffic_policy, "Cluster");
        }
        if service_type(spec) == "ExternalName" {
            spec.internal_traffic_policy = None;
        } else if matches!(
            service_type(spec),
            "NodePort" | "LoadBalancer" | "ClusterIP"
        ) {
            spec.internal_traffic_policy
                .get_or_insert_with(|| "Cluster".to_owned());
        }
        let balances = service_type(spec) == "LoadBalancer";
        if balances {
            spec.allocate_load_balancer_node_ports.get_or_insert(true);
        }
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.conditions);
        let ingress = &mut status.load_balancer.get_or_insert_default().ingress;
        drop_empty(ingress);
        for address in ingress
            .iter_mut()
            .flatten()
            .filter(|address| balances && has_text(&address.ip))
        {
            address.ip_mode.get_or_insert_with(|| "VIP".to_owned());
        }
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(empty_status());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if let (Some(spec), Some(before)) = (&mut self.spec, &old.spec) {
            change::drop_what_the_type_has_no_use_for(spec, before);
            if service_type(spec) != "LoadBalancer" {
                self.status.get_or_insert_default().load_balancer = Some(Default::default());
            }
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::label(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::service(self)
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return change::validate_status(self);
        }
        let mut errors = change::validate(self, old);
        errors.extend(self.validate());
        errors
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let _ = old;
        warnings::warnings(self)
    }

    fn status_warnings(&self) -> Vec<String> {
        warnings::of_status(self)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        cells::cells(self, now)
    }

    fn field(&self, path: &str) -> Option<String> {
        let spec = self.spec.as_ref();
        match path {
            "spec.clusterIP" => Some(
                spec.and_then(|spec| spec.cluster_ip.clone())
                    .unwrap_or_default(),
            ),
            "spec.type" => Some(spec.map(service_type).unwrap_or_default().to_owned()),
            _ => None,
        }
    }
}

fn has_text(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|text| !text.is_empty())
}

fn empty_status() -> ServiceStatus {
    ServiceStatus {
        load_balancer: Some(Default::default()),
        ..Default::default()
    }
}

fn drop_empty_fields(spec: &mut ServiceSpec) {
    drop_empty(&mut spec.cluster_ip);
    drop_empty(&mut spec.cluster_ips);
    drop_empty(&mut spec.external_ips);
    drop_empty(&mut spec.external_name);
    drop_empty(&mut spec.external_traffic_policy);
    drop_empty(&mut spec.health_check_node_port);
    drop_empty(&mut spec.ip_families);
    drop_empty(&mut spec.load_balancer_ip);
    drop_empty(&mut spec.load_balancer_source_ranges);
    drop_empty(&mut spec.ports);
    drop_empty(&mut spec.publish_not_ready_addresses);
    drop_empty(&mut spec.selector);
}

fn default_text(field: &mut Option<String>, default: &str) {
    if !has_text(field) {
        *field = Some(default.to_owned());
    }
}

fn default_affinity_config(spec: &mut ServiceSpec) {
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let config = spec.session_affinity_config.as_ref();
            if config
                .and_then(|config| config.client_ip.as_ref()?.timeout_seconds)
                .is_none()
            {
                let client_ip = Some(ClientIPConfig {
                    timeout_seconds: Some(AFFINITY_SECONDS),
                });
                spec.session_affinity_config = Some(SessionAffinityConfig { client_ip });
            }
        }
        _ => {}
    }
}

fn default_port(port: &mut ServicePort) {
    drop_empty(&mut port.name);
    drop_empty(&mut port.node_port);
    default_text(&mut port.protocol, "TCP");
    let says_nothing = match &port.target_port {
        None | Some(IntOrString::Int(0)) => true,
        Some(IntOrString::String(name)) => name.is_empty(),
        Some(IntOrString::Int(_)) => false,
    };
    if says_nothing {
        port.target_port = Some(IntOrString::Int(port.port));
    }
}
