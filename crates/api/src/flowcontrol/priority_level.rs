//! Priority levels: how many requests of a kind are served at once, and how many wait.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1::{
    LimitedPriorityLevelConfiguration, PriorityLevelConfiguration, PriorityLevelConfigurationStatus,
};
use navarch_machinery::apply::Scope;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::{default_number, items_mut};
use crate::strategy::{self, Hooks, MetadataRules, Part};

/// The shares of a level that does not say.
const SHARES: i32 = 30;
/// The queues of a level that does not say: how many, how many a flow is dealt, and how long they may get.
const QUEUES: i32 = 64;
const HAND: i32 = 8;
const LENGTH: i32 = 50;

impl Hooks for PriorityLevelConfiguration {
    const METADATA: MetadataRules = MetadataRules {
        change: false,
        ..MetadataRules::WHOLE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Type",
            "string",
            "",
            0,
            "`type` indicates whether this priority level is subject to limitation on request execution.  A value of \
            `\"Exempt\"` means that requests of this priority level are not subject to a limit (and thus are never queued) and \
            do not detract from the capacity made available to other priority levels.  A value of `\"Limited\"` means that (a) \
            requests of this priority level _are_ subject to limits and (b) some of the server's limited capacity is made \
            available exclusively to this priority level. Required.",
        ),
        Column::of(
            "NominalConcurrencyShares",
            "string",
            "",
            0,
            "`nominalConcurrencyShares` (NCS) contributes to the computation of the NominalConcurrencyLimit (NominalCL) of this \
            level. This is the number of execution seats available at this priority level. This is used both for requests \
            dispatched from this priority level as well as requests dispatched from other priority levels borrowing seats from \
            this level. The server's concurrency limit (ServerCL) is divided among the Limited priority levels in proportion to \
            their NCS values:\n\nNominalCL(i)  = ceil( ServerCL * NCS(i) / sum_ncs ) sum_ncs = sum[priority level k] \
            NCS(k)\n\nBigger numbers mean a larger nominal concurrency limit, at the expense of every other priority \
            level.\n\nIf not specified, this field defaults to a value of 30.\n\nSetting this field to zero supports the \
            construction of a \"jail\" for this priority level that is used to hold some request(s)",
        ),
        Column::of(
            "Queues",
            "string",
            "",
            0,
            "`queues` is the number of queues for this priority level. The queues exist independently at each apiserver. The \
            value must be positive.  Setting it to 1 effectively precludes shufflesharding and thus makes the distinguisher \
            method of associated flow schemas irrelevant.  This field has a default value of 64.",
        ),
        Column::of(
            "HandSize",
            "string",
            "",
            0,
            "`handSize` is a small positive number that configures the shuffle sharding of requests into queues.  When enqueuing \
            a request at this priority level the request's flow identifier (a string pair) is hashed and the hash value is used \
            to shuffle the list of queues and deal a hand of the size specified here.  The request is put into one of the \
            shortest queues in that hand. `handSize` must be no larger than `queues`, and should be significantly smaller (so \
            that a few heavy flows do not saturate most of the queues).  See the user-facing documentation for more extensive \
            guidance on setting this field.  This field has a default value of 8.",
        ),
        Column::of(
            "QueueLengthLimit",
            "string",
            "",
            0,
            "`queueLengthLimit` is the maximum number of requests allowed to be waiting in a given queue of this priority level \
            at a time; excess requests are rejected.  This value must be positive.  If not specified, it will be defaulted to \
            50.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        if let Some(exempt) = &mut spec.exempt {
            exempt.nominal_concurrency_shares.get_or_insert(0);
            exempt.lendable_percent.get_or_insert(0);
        }
        spec.limited.iter_mut().for_each(default_limited);
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.conditions);
        for condition in items_mut(&mut status.conditions) {
            let texts = [
                &mut condition.type_,
                &mut condition.status,
                &mut condition.reason,
                &mut condition.message,
            ];
            texts.into_iter().for_each(drop_empty);
        }
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(PriorityLevelConfigurationStatus::default());
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            let managed = self.metadata.managed_fields.take();
            self.metadata.clone_from(&old.metadata);
            self.metadata.managed_fields = managed;
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if self.spec != old.spec {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn scope(part: Part) -> Scope {
        strategy::status_alone(part)
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::level(self)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        let limited = spec.limited.as_ref();
        let queuing = limited
            .and_then(|limited| limited.limit_response.as_ref())
            .and_then(|response| response.queuing.as_ref());
        let number = |value: Option<i32>| value.unwrap_or_default().into();
        let none = || Value::from("<none>");
        vec![
            cell::name(&self.metadata),
            spec.type_.as_str().into(),
            limited.map_or_else(none, |it| number(it.nominal_concurrency_shares)),
            queuing.map_or_else(none, |it| number(it.queues)),
            queuing.map_or_else(none, |it| number(it.hand_size)),
            queuing.map_or_else(none, |it| number(it.queue_length_limit)),
            cell::age(&self.metadata, now),
        ]
    }
}

fn default_limited(limited: &mut LimitedPriorityLevelConfiguration) {
    limited.nominal_concurrency_shares.get_or_insert(SHARES);
    limited.lendable_percent.get_or_insert(0);
    let response = limited.limit_response.get_or_insert_default();
    if let Some(queuing) = &mut response.queuing {
        default_number(&mut queuing.queues, QUEUES);
        default_number(&mut queuing.hand_size, HAND);
        default_number(&mut queuing.queue_length_limit, LENGTH);
    }
}
