//! The group `autoscaling`.

mod scale;
