//! The group `autoscaling`.

mod metrics;
mod pod_autoscaler;
mod pod_autoscaler_v1;
mod scale;

pub(crate) use pod_autoscaler::notes::ALL as CARRYING;
pub use scale::{replicas, scale_of};
