//! Ingress classes.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{
    IngressClass, IngressClassParametersReference, IngressClassSpec,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_domain_prefixed_path;
use serde_json::Value;

use crate::cell;
use crate::check::{dns_label, dns_subdomain, immutable, one_of, path_segment};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::raise_generation;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
const MAX_CONTROLLER: usize = 250;
const NAMESPACE: &str = "Namespace";
const CLUSTER: &str = "Cluster";

/// Whether ingresses that name no class are of this one.
pub fn is_default(class: &IngressClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(DEFAULT))
        .map(String::as_str)
        == Some("true")
}

impl Hooks for IngressClass {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Controller",
            "string",
            "",
            0,
            "Controller that is responsible for handling this class",
        ),
        Column::of(
            "Parameters",
            "string",
            "",
            0,
            "A reference to a resource with additional parameters",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty(&mut spec.controller);
        if let Some(parameters) = &mut spec.parameters {
            parameters.scope.get_or_insert_with(|| CLUSTER.to_owned());
        }
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.spec != old.spec {
            raise_generation(&mut self.metadata, &old.metadata);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate_spec(spec, &Path::new("spec")))
            .collect()
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let controller = |class: &Self| {
            let spec = class.spec.as_ref();
            spec.and_then(|spec| spec.controller.clone())
                .unwrap_or_default()
        };
        let path = Path::new("spec").child("controller");
        let mut errors = immutable(&controller(self), &controller(old), &path);
        errors.extend(self.validate_create());
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        let mut name = self.metadata.name.clone().unwrap_or_default();
        if is_default(self) {
            name.push_str(" (default)");
        }
        let parameters = match spec.parameters {
            None => "<none>".to_owned(),
            Some(IngressClassParametersReference {
                api_group: Some(group),
                kind,
                name,
                ..
            }) => {
                format!("{kind}.{group}/{name}")
            }
            Some(parameters) => format!("{}/{}", parameters.kind, parameters.name),
        };
        vec![
            name.into(),
            spec.controller.unwrap_or_default().into(),
            parameters.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn validate_spec(spec: &IngressClassSpec, path: &Path) -> ErrorList {
    let controller = spec.controller.as_deref().unwrap_or_default();
    let at = path.child("controller");
    let mut errors = ErrorList::new();
    if controller.len() > MAX_CONTROLLER {
        errors.push(Error::too_long(&at, MAX_CONTROLLER));
    }
    errors.extend(is_domain_prefixed_path(&at, controller));
    if let Some(parameters) = &spec.parameters {
        errors.extend(validate_parameters(parameters, &path.child("parameters")));
    }
    errors
}

fn validate_parameters(reference: &IngressClassParametersReference, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(group) = &reference.api_group {
        errors.extend(dns_subdomain(group, &path.child("apiGroup")));
    }
    errors.extend(path_segment(&reference.kind, &path.child("kind")));
    errors.extend(path_segment(&reference.name, &path.child("name")));
    let at = path.child("namespace");
    match (reference.scope.as_deref(), &reference.namespace) {
        (None, _) => errors.push(Error::required(&path.child("scope"), "")),
        (Some(NAMESPACE), None) => {
            let detail = "`parameters.scope` is set to 'Namespace'";
            errors.push(Error::required(&at, detail));
        }
        (Some(NAMESPACE), Some(namespace)) => errors.extend(dns_label(namespace, &at)),
        (Some(CLUSTER), Some(_)) => {
            let detail = "`parameters.scope` is set to 'Cluster'";
            errors.push(Error::forbidden(&at, detail));
        }
        (Some(scope), _) => {
            errors.extend(one_of(scope, &[CLUSTER, NAMESPACE], &path.child("scope")));
        }
    }
    errors
}
