//! Controller revisions: what a controller's template was, as data that never changes.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::check::{immutable, non_negative};
use crate::def::Column;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

impl Hooks for ControllerRevision {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of("Controller", "string", "", 0, "Controller of the object"),
        Column::of(
            "Revision",
            "string",
            "",
            0,
            "Revision indicates the revision of the state represented by Data.",
        ),
        cell::AGE,
    ];

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        non_negative(self.revision, &Path::new("revision"))
    }

    fn validate_create(&self) -> ErrorList {
        let detail = match self.data.as_ref().map(|data| &data.0) {
            Some(Value::Object(_)) => return ErrorList::new(),
            None | Some(Value::Null) => "data is mandatory",
            Some(_) => "data must be a valid JSON object",
        };
        vec![Error::required(&Path::new("data"), detail)]
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        immutable(&self.data, &old.data, &Path::new("data"))
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            controller(&self.metadata).into(),
            self.revision.into(),
            cell::age(&self.metadata, now),
        ]
    }
}

/// The controller that owns an object: `statefulset.apps/web`.
fn controller(meta: &ObjectMeta) -> String {
    let owners = meta.owner_references.iter().flatten();
    let Some(owner) = owners.into_iter().find(|it| it.controller == Some(true)) else {
        return "<none>".to_owned();
    };
    let kind = match owner.api_version.split_once('/') {
        Some((group, _)) => format!("{}.{group}", owner.kind),
        None => owner.kind.clone(),
    };
    format!("{}/{}", kind.to_lowercase(), owner.name)
}
