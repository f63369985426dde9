//! API services.

use jiff::Timestamp;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{
    APIService, APIServiceCondition, APIServiceSpec, APIServiceStatus, ServiceReference,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_dns1035_label, is_port_number};
use serde_json::Value;

use crate::cell;
use crate::check::{dns_subdomain, found, one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::keep_for_status;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

const PORT: i32 = 443;
const STATUSES: &[&str] = &["True", "False", "Unknown"];
const AVAILABLE: &str = "Available";

impl Hooks for APIService {
    const METADATA: MetadataRules = MetadataRules {
        known_finalizers: false,
        ..MetadataRules::WHOLE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Service",
            "string",
            "",
            0,
            "The reference to the service that hosts this API endpoint.",
        ),
        Column::of(
            "Available",
            "string",
            "",
            0,
            "Whether this service is available.",
        ),
        cell::AGE,
    ];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: false,
    };

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty(&mut spec.ca_bundle);
        drop_empty(&mut spec.group);
        drop_empty(&mut spec.insecure_skip_tls_verify);
        drop_empty(&mut spec.version);
        if let Some(service) = &mut spec.service {
            drop_empty(&mut service.name);
            drop_empty(&mut service.namespace);
            service.port.get_or_insert(PORT);
        }
        let conditions = &mut self.status.get_or_insert_default().conditions;
        drop_empty(conditions);
        for condition in conditions.iter_mut().flatten() {
            drop_empty(&mut condition.message);
            drop_empty(&mut condition.reason);
        }
    }

    fn prepare_for_create(&mut self) {
        let is_local = self.spec.as_ref().is_none_or(|spec| spec.service.is_none());
        self.status = Some(APIServiceStatus {
            conditions: is_local.then(|| vec![local_condition(self)]),
        });
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            keep_for_status(&mut self.metadata, &old.metadata);
        } else {
            self.status.clone_from(&old.status);
        }
    }

    fn name_errors(name: &str, _prefix: bool) -> Vec<String> {
        naming::path_segment(name, false)
    }

    fn validate_create(&self) -> ErrorList {
        let spec = self.spec.clone().unwrap_or_default();
        let mut errors = validate_name(self, &spec);
        errors.extend(validate_spec(&spec, &Path::new("spec")));
        errors
    }

    fn validate_update(&self, part: Part, _old: &Self) -> ErrorList {
        if part == Part::Status {
            return self.status.iter().flat_map(validate_status).collect();
        }
        self.validate_create()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let service = self.spec.as_ref().and_then(|spec| spec.service.as_ref());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let service = match service {
            Some(service) => format!("{}/{}", text(&service.namespace), text(&service.name)),
            None => "Local".to_owned(),
        };
        let mut conditions = self
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        let available = match conditions.find(|condition| condition.type_ == AVAILABLE) {
            None => "Unknown".to_owned(),
            Some(APIServiceCondition {
                status,
                reason: Some(reason),
                ..
            }) if status != "True" => {
                format!("{status} ({reason})")
            }
            Some(condition) => condition.status.clone(),
        };
        vec![
            cell::name(&self.metadata),
            service.into(),
            available.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

/// What this server answers for itself is there from the moment it is stated.
fn local_condition(service: &APIService) -> APIServiceCondition {
    APIServiceCondition {
        type_: AVAILABLE.to_owned(),
        status: "True".to_owned(),
        reason: Some("Local".to_owned()),
        message: Some("Local APIServices are always available".to_owned()),
        last_transition_time: service.metadata.creation_timestamp.clone(),
    }
}

/// The name says which version of which group it is about.
fn validate_name(service: &APIService, spec: &APIServiceSpec) -> ErrorList {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let required = format!("{}.{}", text(&spec.version), text(&spec.group));
    let is_told_already = name.is_empty() || !naming::path_segment(name, false).is_empty();
    if is_told_already || name == required {
        return ErrorList::new();
    }
    let path = Path::new("metadata").child("name");
    let detail = format!("must be `spec.version+\".\"+spec.group`: {required:?}");
    vec![Error::invalid(&path, name, detail)]
}

fn validate_spec(spec: &APIServiceSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let version = spec.version.as_deref().unwrap_or_default();
    match spec.group.as_deref() {
        Some(group) => errors.extend(dns_subdomain(group, &path.child("group"))),
        None if version != "v1" => {
            let detail = "only v1 may have an empty group and it better be legacy kube";
            errors.push(Error::required(&path.child("group"), detail));
        }
        None => {}
    }
    let findings = is_dns1035_label(version);
    errors.extend(found(version, findings, &path.child("version")));
    for (name, priority, max) in [
        ("groupPriorityMinimum", spec.group_priority_minimum, 20_000),
        ("versionPriority", spec.version_priority, 1_000),
    ] {
        if !(1..=max).contains(&priority) {
            let detail = format!("must be positive and less than {max}");
            errors.push(Error::invalid(&path.child(name), priority, detail));
        }
    }
    match &spec.service {
        None => errors.extend(validate_local(spec, path)),
        Some(service) => {
            errors.extend(validate_service(service, &path.child("service")));
            if spec.insecure_skip_tls_verify.is_some() && spec.ca_bundle.is_some() {
                let detail = "may not be true if caBundle is present";
                errors.push(Error::invalid(
                    &path.child("insecureSkipTLSVerify"),
                    true,
                    detail,
                ));
            }
        }
    }
    errors
}

fn validate_local(spec: &APIServiceSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(bundle) = &spec.ca_bundle {
        let shown = format!("{} bytes", bundle.0.len());
        let detail = "local APIServices may not have a caBundle";
        errors.push(Error::invalid(&path.child("caBundle"), shown, detail));
    }
    if spec.insecure_skip_tls_verify.is_some() {
        let detail = "local APIServices may not have insecureSkipTLSVerify";
        errors.push(Error::invalid(
            &path.child("insecureSkipTLSVerify"),
            true,
            detail,
        ));
    }
    errors
}

fn validate_service(service: &ServiceReference, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, value) in [("namespace", &service.namespace), ("name", &service.name)] {
        if value.is_none() {
            errors.push(Error::required(&path.child(name), ""));
        }
    }
    let port = service.port.unwrap_or(PORT);
    let findings = is_port_number(i64::from(port));
    if !findings.is_empty() {
        let detail = format!("port is not valid: {}", findings.join(", "));
        errors.push(Error::invalid(&path.child("port"), port, detail));
    }
    errors
}

fn validate_status(status: &APIServiceStatus) -> ErrorList {
    let path = Path::new("status").child("conditions");
    let conditions = status.conditions.iter().flatten().enumerate();
    conditions
        .flat_map(|(at, one)| one_of(&one.status, STATUSES, &path.index(at).child("status")))
        .collect()
}
