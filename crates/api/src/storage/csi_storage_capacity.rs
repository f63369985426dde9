//! CSI storage capacities: how much of a class there is in a part of the cluster.

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::CSIStorageCapacity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::check::dns_subdomain;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::validate_label_selector;
use crate::naming;
use crate::pod::absent::{entries, items, items_mut};
use crate::pod::{amount, deprecated_label};
use crate::shown::json;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};
use crate::workload::shown_selector;

const IMMUTABLE: &str = "field is immutable";

impl Hooks for CSIStorageCapacity {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: false,
    };
    const COLUMNS: &'static [Column] = cell::NAME_AND_CREATION;

    fn apply_defaults(&mut self) {
        for quantity in [&mut self.capacity, &mut self.maximum_volume_size] {
            quantity.iter_mut().for_each(amount::canonicalize);
        }
        if let Some(selector) = &mut self.node_topology {
            drop_empty(&mut selector.match_labels);
            drop_empty(&mut selector.match_expressions);
            for requirement in items_mut(&mut selector.match_expressions) {
                drop_empty(&mut requirement.values);
            }
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        if let Some(selector) = &self.node_topology {
            let path = Path::new("nodeTopology");
            errors.extend(validate_label_selector(selector, &path));
        }
        let path = Path::new("storageClassName");
        errors.extend(dns_subdomain(&self.storage_class_name, &path));
        if let Some(capacity) = self.capacity.as_ref().filter(|it| amount::is_negative(it)) {
            errors.push(Error::invalid(
                &Path::new("capacity"),
                amount::shown(capacity),
                "must be greater than or equal to 0",
            ));
        }
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = ErrorList::new();
        if self.node_topology != old.node_topology {
            let path = Path::new("nodeTopology");
            let shown = match &self.node_topology {
                Some(topology) => shown_selector(topology),
                None => json(&self.node_topology),
            };
            errors.push(Error::invalid(&path, shown, IMMUTABLE));
        }
        let class = &self.storage_class_name;
        if *class != old.storage_class_name {
            let path = Path::new("storageClassName");
            errors.push(Error::invalid(&path, class, IMMUTABLE));
        }
        errors
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let path = Path::new("nodeTopology");
        let selector = self.node_topology.as_ref();
        selector.map_or(Vec::new(), |selector| topology_warnings(selector, &path))
    }

    fn cells(&self, _now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::created(&self.metadata)]
    }
}

fn topology_warnings(selector: &LabelSelector, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    for (at, expression) in items(&selector.match_expressions).iter().enumerate() {
        if let Some(message) = deprecated_label(&expression.key) {
            let path = path.child("matchExpressions").index(at).child("key");
            warnings.push(format!("{path}: {} is {message}", expression.key));
        }
    }
    for (label, _) in entries(&selector.match_labels) {
        if let Some(message) = deprecated_label(label) {
            let path = path.child("matchLabels").child(label);
            warnings.push(format!("{path}: {message}"));
        }
    }
    warnings
}
