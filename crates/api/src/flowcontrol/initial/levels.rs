//! The levels of the beginning.

use k8s_openapi::api::flowcontrol::v1::{
    ExemptPriorityLevelConfiguration, LimitResponse, LimitedPriorityLevelConfiguration,
    PriorityLevelConfiguration, PriorityLevelConfigurationSpec, QueuingConfiguration,
};

use super::named;

/// How long a queue may get.
const LENGTH: i32 = 50;

/// A limited level: its name, its shares, and what it lends of them in percent; its queues, and how many a flow is dealt.
/// Without queues what is too much is turned away.
type Limited = (&'static str, i32, i32, Option<(i32, i32)>);

const LIMITED: &[Limited] = &[
    // The health of nodes, apart from all else that nodes do.
    ("node-high", 40, 25, Some((64, 6))),
    // What nodes do.
    ("system", 30, 33, Some((64, 6))),
    ("leader-election", 10, 0, Some((16, 4))),
    // Controllers.
    ("workload-high", 40, 50, Some((128, 6))),
    // What runs in pods.
    ("workload-low", 100, 90, Some((128, 6))),
    // Everybody else.
    ("global-default", 20, 50, Some((128, 6))),
    // What no schema speaks of.
    ("catch-all", 5, 0, None),
];

pub(super) fn all() -> Vec<PriorityLevelConfiguration> {
    let limited = LIMITED.iter().map(limited);
    limited.chain([exempt()]).collect()
}

fn exempt() -> PriorityLevelConfiguration {
    PriorityLevelConfiguration {
        metadata: named("exempt"),
        spec: Some(PriorityLevelConfigurationSpec {
            type_: "Exempt".to_owned(),
            exempt: Some(ExemptPriorityLevelConfiguration {
                nominal_concurrency_shares: Some(0),
                lendable_percent: Some(0),
            }),
            limited: None,
        }),
        status: None,
    }
}

fn limited(&(name, shares, lendable, queues): &Limited) -> PriorityLevelConfiguration {
    let response = if queues.is_some() { "Queue" } else { "Reject" };
    let queuing = queues.map(|(queues, hand)| QueuingConfiguration {
        queues: Some(queues),
        hand_size: Some(hand),
        queue_length_limit: Some(LENGTH),
    });
    PriorityLevelConfiguration {
        metadata: named(name),
        spec: Some(PriorityLevelConfigurationSpec {
            type_: "Limited".to_owned(),
            exempt: None,
            limited: Some(LimitedPriorityLevelConfiguration {
                nominal_concurrency_shares: Some(shares),
                lendable_percent: Some(lendable),
                borrowing_limit_percent: None,
                limit_response: Some(LimitResponse {
                    type_: response.to_owned(),
                    queuing,
                }),
            }),
        }),
        status: None,
    }
}
