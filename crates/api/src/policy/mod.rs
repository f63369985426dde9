//! The group `policy`.

mod eviction;
mod pod_disruption_budget;
