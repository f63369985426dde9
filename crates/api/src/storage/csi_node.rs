//! CSI nodes: which drivers run on a node, and what they call it.

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::{CSINode, CSINodeDriver};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;
use serde_json::Value;

use crate::cell;
use crate::check::{found, non_negative};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::items;
use crate::pod::check::Json;
use crate::pod::volume_sources::check_driver_name;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

/// The longest name that a driver has for a node.
const MAX_NODE_ID: usize = 256;

impl Hooks for CSINode {
    const METADATA: MetadataRules = MetadataRules {
        change: false,
        ..MetadataRules::WHOLE
    };
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: false,
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Drivers",
            "integer",
            "",
            0,
            "Drivers indicates the number of CSI drivers registered on the node",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        for driver in &mut self.spec.drivers {
            drop_empty(&mut driver.topology_keys);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec").child("drivers");
        for (at, driver) in self.spec.drivers.iter().enumerate() {
            let before = &self.spec.drivers[..at];
            check_driver(&mut errors, &path.index(at), driver, before);
        }
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let path = Path::new("spec").child("drivers");
        let fixed = |driver: &CSINodeDriver| CSINodeDriver {
            allocatable: None,
            ..driver.clone()
        };
        let mut errors = ErrorList::new();
        for old in &old.spec.drivers {
            let same = |new: &&CSINodeDriver| new.name == old.name;
            for new in self.spec.drivers.iter().filter(same) {
                if fixed(new) != fixed(old) {
                    errors.push(Error::invalid(&path, shown(new), "field is immutable"));
                }
            }
        }
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            self.spec.drivers.len().into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn check_driver(
    errors: &mut ErrorList,
    path: &Path,
    driver: &CSINodeDriver,
    before: &[CSINodeDriver],
) {
    check_driver_name(errors, &path.child("name"), &driver.name);
    let id = path.child("nodeID");
    if driver.node_id.is_empty() {
        errors.push(Error::required(&id, ""));
    }
    if driver.node_id.len() > MAX_NODE_ID {
        let detail = format!("must be {MAX_NODE_ID} characters or less");
        errors.push(Error::invalid(&id, &driver.node_id, detail));
    }
    if let Some(count) = driver.allocatable.as_ref().and_then(|it| it.count) {
        let path = path.child("allocatable").child("count");
        errors.extend(non_negative(count.into(), &path));
    }
    if before.iter().any(|other| other.name == driver.name) {
        errors.push(Error::duplicate(&path.child("name"), &driver.name));
    }
    let keys = items(&driver.topology_keys);
    for (at, key) in keys.iter().enumerate() {
        if key.is_empty() {
            errors.push(Error::required(path, ""));
        }
        if keys[..at].contains(key) {
            errors.push(Error::duplicate(path, key));
        }
        errors.extend(found(key, is_qualified_name(key), path));
    }
}

/// A driver as errors show it: without what may change of it.
fn shown(driver: &CSINodeDriver) -> Json {
    Json::object(&[
        ("Name", Json::of(&driver.name)),
        ("NodeID", Json::of(&driver.node_id)),
        (
            "TopologyKeys",
            Json::list(items(&driver.topology_keys), Json::of),
        ),
        ("Allocatable", Json("null".to_owned())),
    ])
}
