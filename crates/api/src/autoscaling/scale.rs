//! Scales: what the scale subresource of every kind that has one reads and writes.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::{Scale, ScaleSpec, ScaleStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::check::non_negative;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::Hooks;

impl Hooks for Scale {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Desired",
            "integer",
            "",
            0,
            "replicas is the desired number of instances for the scaled object.",
        ),
        Column::of(
            "Available",
            "integer",
            "",
            0,
            "replicas is the actual number of observed instances of the scaled object.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.get_or_insert_default().replicas);
        self.status.get_or_insert_default();
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        non_negative(
            i64::from(replicas(self)),
            &Path::new("spec").child("replicas"),
        )
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let actual = self.status.as_ref().map_or(0, |status| status.replicas);
        vec![
            cell::name(&self.metadata),
            replicas(self).into(),
            actual.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

/// How many replicas a scale asks for.
pub fn replicas(scale: &Scale) -> i32 {
    scale
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or_default()
}

/// The scale of an object: of its metadata only what names it.
pub fn scale_of(meta: &ObjectMeta, desired: i32, actual: i32, selector: String) -> Scale {
    let selector = (!selector.is_empty()).then_some(selector);
    Scale {
        metadata: ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
            creation_timestamp: meta.creation_timestamp.clone(),
            ..Default::default()
        },
        spec: Some(ScaleSpec {
            replicas: (desired != 0).then_some(desired),
        }),
        status: Some(ScaleStatus {
            replicas: actual,
            selector,
        }),
    }
}
