//! `resource.k8s.io`: devices, and claims on them.

mod check;
mod claim;
mod claim_template;
mod device_class;
mod identifiers;
mod selector;
mod slice;
mod toleration;
