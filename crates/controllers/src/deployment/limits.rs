//! How many pods there may be too many and too few during a roll-out.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::int_or_string::scaled;

use super::Rollout;

/// What a deployment's strategy comes to in numbers of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// So many pods over `replicas` may exist.
    pub(super) surge: i32,
    /// So many of `replicas` may be unavailable.
    pub(super) unavailable: i32,
}

pub(super) fn of(rollout: &Rollout) -> Limits {
    if !rollout.is_rolling() {
        return Limits {
            surge: 0,
            unavailable: 0,
        };
    }
    let replicas = rollout.replicas();
    let rolling = rollout
        .spec
        .strategy
        .as_ref()
        .and_then(|strategy| strategy.rolling_update.as_ref());
    let number = |value: Option<&IntOrString>, round_up| {
        let value = value.cloned().unwrap_or(IntOrString::Int(0));
        scaled(&value, replicas, round_up).unwrap_or(0)
    };
    let surge = number(rolling.and_then(|rolling| rolling.max_surge.as_ref()), true);
    let mut unavailable = number(
        rolling.and_then(|rolling| rolling.max_unavailable.as_ref()),
        false,
    );
    if surge == 0 && unavailable == 0 {
        // Percentages may both round to nothing; then nothing could ever move.
        unavailable = 1;
    }
    Limits {
        surge,
        unavailable: unavailable.min(replicas),
    }
}
