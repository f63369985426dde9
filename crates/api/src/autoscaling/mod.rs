//! The group `autoscaling`.

mod scale;

pub use scale::{replicas, scale_of};
