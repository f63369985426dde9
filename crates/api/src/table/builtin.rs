//! The rows, a file a group. See docs/how-to/add-a-resource.md.

mod admissionregistration;
mod apiextensions;
mod apiregistration;
mod apps;
mod authentication;
mod authorization;
mod autoscaling;
mod batch;
mod certificates;
mod coordination;
mod core;
mod discovery;
mod events;
mod flowcontrol;
mod networking;
mod node;
mod policy;
mod rbac;
mod resource;
mod scheduling;
mod storage;

use super::row::Row;
use crate::def::ResourceDef;

/// All rows; the groups stand in the order of discovery.
pub(super) fn rows() -> Vec<ResourceDef> {
    let groups = [
        core::rows(),
        apiregistration::rows(),
        apps::rows(),
        events::rows(),
        authentication::rows(),
        authorization::rows(),
        autoscaling::rows(),
        batch::rows(),
        certificates::rows(),
        networking::rows(),
        policy::rows(),
        rbac::rows(),
        storage::rows(),
        admissionregistration::rows(),
        apiextensions::rows(),
        scheduling::rows(),
        coordination::rows(),
        node::rows(),
        discovery::rows(),
        resource::rows(),
        flowcontrol::rows(),
    ];
    groups.into_iter().flatten().map(Row::done).collect()
}
