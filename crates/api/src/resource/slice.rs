//! Resource slices: the devices that a driver offers.

mod capacity;
mod defaults;
mod device;
mod validate;

use jiff::Timestamp;
use k8s_openapi::api::resource::v1::ResourceSlice;
use navarch_machinery::field::ErrorList;
use navarch_machinery::time::seconds;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::naming;
use crate::pod::absent::{items_mut, text};
use crate::strategy::{Hooks, Part};

impl Hooks for ResourceSlice {
    const FIELDS: &'static [&'static str] = &["spec.driver", "spec.nodeName"];
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Node",
            "string",
            "",
            0,
            "NodeName identifies the node which provides the resources in this pool. A field selector can be used to list only \
            ResourceSlice objects belonging to a certain node.\n\nThis field can be used to limit access from nodes to \
            ResourceSlices with the same node name. It also indicates to autoscalers that adding new nodes of the same type as \
            some old node might also make new resources available.\n\nExactly one of NodeName, NodeSelector, AllNodes, and \
            PerDeviceNodeSelection must be set. This field is immutable.",
        ),
        Column::of(
            "Driver",
            "string",
            "",
            0,
            "Driver identifies the DRA driver providing the capacity information. A field selector can be used to list only \
            ResourceSlice objects with a certain driver name.\n\nMust be a DNS subdomain and should end with a DNS domain owned \
            by the vendor of the driver. It should use only lower case characters. This field is immutable.",
        ),
        Column::of(
            "Pool",
            "string",
            "",
            0,
            "Name is used to identify the pool. For node-local devices, this is often the node name, but this is not \
            required.\n\nIt must not be longer than 253 characters and must consist of one or more DNS sub-domains separated by \
            slashes. This field is immutable.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        defaults::apply(&mut self.spec);
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
        defaults::drop_disabled(&mut self.spec, None);
    }

    fn prepare_for_update(&mut self, _part: Part, old: &Self) {
        if self.spec != old.spec {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
        defaults::drop_disabled(&mut self.spec, Some(&old.spec));
    }

    // A taint is there from the moment at which it is first seen.
    fn stamp(&mut self, _part: Part, old: Option<&Self>, now: Timestamp) {
        for device in items_mut(&mut self.spec.devices) {
            for taint in items_mut(&mut device.taints) {
                taint.time_added.get_or_insert_with(|| seconds(now));
            }
        }
        // In the second in which it was written it is the same with the time that it leaves out.
        if let Some(old) = old.filter(|old| old.spec == self.spec) {
            self.metadata.generation = old.metadata.generation;
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate_create(&self) -> ErrorList {
        validate::spec(&self.spec, None)
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        validate::spec(&self.spec, Some(&old.spec))
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let driver = &self.spec.driver;
        if *driver == driver.to_lowercase() {
            return Vec::new();
        }
        vec![format!(
            "spec.driver: driver names should be lowercase; {driver:?} contains uppercase characters"
        )]
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            text(&self.spec.node_name).into(),
            self.spec.driver.as_str().into(),
            self.spec.pool.name.as_str().into(),
            cell::age(&self.metadata, now),
        ]
    }

    fn field(&self, path: &str) -> Option<String> {
        match path {
            "spec.driver" => Some(self.spec.driver.clone()),
            "spec.nodeName" => Some(text(&self.spec.node_name).to_owned()),
            _ => None,
        }
    }
}
