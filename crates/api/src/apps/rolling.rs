//! What strategies of updates have in common.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::percent::or_zero;
use crate::shown::{Raw, json};

/// A strategy as errors show it, under the names that Kubernetes has for it inside. `rolling`: its unavailable and surge.
pub(super) fn shown_strategy(
    kind: Option<&str>,
    rolling: Option<(&Option<IntOrString>, &Option<IntOrString>)>,
) -> Raw {
    let rolling = match rolling {
        None => "null".to_owned(),
        Some((unavailable, surge)) => {
            let (unavailable, surge) = (json(&or_zero(unavailable)).0, json(&or_zero(surge)).0);
            format!(r#"{{"MaxUnavailable":{unavailable},"MaxSurge":{surge}}}"#)
        }
    };
    let kind = json(kind.unwrap_or_default()).0;
    Raw(format!(r#"{{"Type":{kind},"RollingUpdate":{rolling}}}"#))
}
