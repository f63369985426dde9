//! The group `autoscaling`.

mod metrics;
mod pod_autoscaler;
mod pod_autoscaler_v1;
mod scale;

pub use scale::{replicas, scale_of};
