//! What every server begins with: the levels and schemas it cannot do without, and those that suit most clusters.

mod levels;
mod schemas;

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The annotation of objects that the server keeps as they should be: `true` until somebody takes them over.
pub const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";
const MANDATORY: &[&str] = &["exempt", "catch-all"];

/// Whether a server cannot do without the object of this name: its spec is always put right.
pub fn is_mandatory(name: &str) -> bool {
    MANDATORY.contains(&name)
}

/// All levels of the beginning.
pub fn priority_levels() -> Vec<PriorityLevelConfiguration> {
    levels::all()
}

/// All schemas of the beginning.
pub fn flow_schemas() -> Vec<FlowSchema> {
    schemas::all()
}

/// The level of this name, if it is one that must be there.
pub(super) fn mandatory_priority_level(name: &str) -> Option<PriorityLevelConfiguration> {
    let mut all = levels::all().into_iter();
    all.find(|level| is_mandatory(name) && level.metadata.name.as_deref() == Some(name))
}

/// The schema of this name, if it is one that must be there.
pub(super) fn mandatory_flow_schema(name: &str) -> Option<FlowSchema> {
    let mut all = schemas::all().into_iter();
    all.find(|schema| is_mandatory(name) && schema.metadata.name.as_deref() == Some(name))
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        annotations: Some([(AUTO_UPDATE.to_owned(), "true".to_owned())].into()),
        ..Default::default()
    }
}
