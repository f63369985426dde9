//! `flowcontrol.apiserver.k8s.io`.

mod flow_schema;
pub mod initial;
mod priority_level;
