//! The group `policy`.

mod pod_disruption_budget;
