//! Runtime classes: which runtime runs a pod's containers.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Toleration;
use k8s_openapi::api::node::v1::{RuntimeClass, Scheduling};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;
use serde_json::Value;

use crate::cell;
use crate::check::{found, immutable};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::validate_labels;
use crate::naming;
use crate::pod::{amount, deprecated_label, validate_overhead, validate_tolerations};
use crate::shown::{Raw, json};
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for RuntimeClass {
    const METADATA: MetadataRules = MetadataRules {
        known_finalizers: false,
        ..MetadataRules::WHOLE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of("Handler", "string", "", 0, ""),
        cell::AGE,
    ];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: false,
    };

    fn apply_defaults(&mut self) {
        if let Some(overhead) = &mut self.overhead {
            drop_empty(&mut overhead.pod_fixed);
            amount::round_list(&mut overhead.pod_fixed);
        }
        if let Some(scheduling) = &mut self.scheduling {
            drop_empty(&mut scheduling.node_selector);
            drop_empty(&mut scheduling.tolerations);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let path = Path::new("handler");
        let mut errors = match self.handler.as_str() {
            "" => vec![Error::required(&path, "")],
            handler => found(handler, is_dns1123_label(handler), &path),
        };
        if let Some(overhead) = &self.overhead {
            errors.extend(validate_overhead(
                overhead.pod_fixed.as_ref(),
                &Path::new("overhead"),
            ));
        }
        let scheduling = self.scheduling.iter();
        errors.extend(scheduling.flat_map(validate_scheduling));
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        immutable(&self.handler, &old.handler, &Path::new("handler"))
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let labels = self
            .scheduling
            .iter()
            .flat_map(|it| it.node_selector.iter().flatten());
        labels
            .filter_map(|(key, _)| deprecated_label(key))
            .map(|message| format!("scheduling.nodeSelector: {message}"))
            .collect()
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            self.handler.clone().into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn validate_scheduling(scheduling: &Scheduling) -> ErrorList {
    let path = Path::new("scheduling");
    let labels = scheduling.node_selector.as_ref();
    let mut errors = validate_labels(labels, &path.child("nodeSelector"));
    let tolerations = scheduling.tolerations.as_deref().unwrap_or_default();
    let path = path.child("tolerations");
    errors.extend(validate_tolerations(tolerations, &path));
    for (at, one) in tolerations.iter().enumerate() {
        let before = tolerations.iter().take(at);
        if before.into_iter().any(|other| tolerates_alike(one, other)) {
            errors.push(Error::duplicate(&path.index(at), shown(one)));
        }
    }
    errors
}

/// However long.
fn tolerates_alike(one: &Toleration, other: &Toleration) -> bool {
    let parts = |it: &Toleration| {
        [&it.key, &it.operator, &it.value, &it.effect].map(|part| part.clone().unwrap_or_default())
    };
    parts(one) == parts(other)
}

/// Under the names that Kubernetes has for it inside.
fn shown(toleration: &Toleration) -> Raw {
    let text = |part: &Option<String>| json(part.as_deref().unwrap_or_default()).0;
    let (key, operator) = (text(&toleration.key), text(&toleration.operator));
    let (value, effect) = (text(&toleration.value), text(&toleration.effect));
    let seconds = json(&toleration.toleration_seconds).0;
    Raw(format!(
        r#"{{"Key":{key},"Operator":{operator},"Value":{value},"Effect":{effect},"TolerationSeconds":{seconds}}}"#
    ))
}
