//! Flow schemas: which requests go to which priority level.

mod rules;
mod shown;

use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, FlowSchemaSpec, FlowSchemaStatus};
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::initial;
use crate::cell;
use crate::check::dns_subdomain;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::{default_number, items, items_mut, text};
use crate::strategy::{self, Hooks, MetadataRules, Part};

/// Where a schema stands that does not say: the lower, the earlier.
const PRECEDENCE: i32 = 1000;
/// The last place.
const MAX_PRECEDENCE: i32 = 10_000;
/// The one schema that comes before all others.
const EXEMPT: &str = "exempt";
/// The condition of a schema whose priority level is not there.
const DANGLING: &str = "Dangling";

impl Hooks for FlowSchema {
    const METADATA: MetadataRules = MetadataRules {
        change: false,
        ..MetadataRules::WHOLE
    };
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "PriorityLevel",
            "string",
            "",
            0,
            "`name` is the name of the priority level configuration being referenced Required.",
        ),
        Column::of(
            "MatchingPrecedence",
            "string",
            "",
            0,
            "`matchingPrecedence` is used to choose among the FlowSchemas that match a given request. The chosen FlowSchema is \
            among those with the numerically lowest (which we take to be logically highest) MatchingPrecedence.  Each \
            MatchingPrecedence value must be ranged in [1,10000]. Note that if the precedence is not specified, it will be set \
            to 1000 as default.",
        ),
        Column::of(
            "DistinguisherMethod",
            "string",
            "",
            0,
            "`distinguisherMethod` defines how to compute the flow distinguisher for requests that match this schema. `nil` \
            specifies that the distinguisher is disabled and thus will always be the empty string.",
        ),
        cell::AGE,
        Column::of(
            "MissingPL",
            "string",
            "",
            0,
            "references a broken or non-existent PriorityLevelConfiguration",
        ),
    ];

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_number(&mut spec.matching_precedence, PRECEDENCE);
        drop_empty(&mut spec.rules);
        for rule in items_mut(&mut spec.rules) {
            drop_empty(&mut rule.resource_rules);
            drop_empty(&mut rule.non_resource_rules);
            for rule in items_mut(&mut rule.resource_rules) {
                drop_empty(&mut rule.cluster_scope);
            }
        }
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
        self.status = Some(FlowSchemaStatus::default());
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
        let mut errors = ErrorList::new();
        if let Some(spec) = &self.spec {
            let name = text(&self.metadata.name);
            errors.extend(check_spec(spec, name));
            errors.extend(check_fixed(spec, name));
        }
        errors.extend(check_status(self));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        let method = spec.distinguisher_method.as_ref();
        let method = method.map_or("<none>", |method| method.type_.as_str());
        let conditions = self.status.as_ref().map(|status| &status.conditions);
        let mut conditions = conditions.into_iter().flatten().flatten();
        let dangling = conditions.find(|condition| text(&condition.type_) == DANGLING);
        vec![
            cell::name(&self.metadata),
            spec.priority_level_configuration.name.as_str().into(),
            spec.matching_precedence.unwrap_or_default().into(),
            method.into(),
            cell::age(&self.metadata, now),
            dangling
                .map_or("?", |condition| text(&condition.status))
                .into(),
        ]
    }
}

fn check_spec(spec: &FlowSchemaSpec, name: &str) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    let precedence = spec.matching_precedence.unwrap_or_default();
    let place = path.child("matchingPrecedence");
    if precedence <= 0 {
        errors.push(Error::invalid(
            &place,
            precedence,
            "must be a positive value",
        ));
    }
    if precedence > MAX_PRECEDENCE {
        let detail = format!("must not be greater than {MAX_PRECEDENCE}");
        errors.push(Error::invalid(&place, precedence, detail));
    }
    if precedence == 1 && name != EXEMPT {
        let detail = "only the schema named 'exempt' may have matchingPrecedence 1";
        errors.push(Error::invalid(&place, precedence, detail));
    }
    if let Some(method) = &spec.distinguisher_method
        && !matches!(method.type_.as_str(), "ByNamespace" | "ByUser")
    {
        errors.push(Error::not_supported(
            &path.child("distinguisherMethod").child("type"),
            shown::method(method),
            &["ByNamespace", "ByUser"],
        ));
    }
    let level = path.child("priorityLevelConfiguration").child("name");
    match spec.priority_level_configuration.name.as_str() {
        "" => errors.push(Error::required(&level, "must reference a priority level")),
        name => errors.extend(dns_subdomain(name, &level)),
    }
    for (at, rule) in items(&spec.rules).iter().enumerate() {
        errors.extend(rules::check(rule, &path.child("rules").index(at)));
    }
    errors
}

/// Without some schemas a server does not work: they are what they are.
fn check_fixed(spec: &FlowSchemaSpec, name: &str) -> Option<Error> {
    let fixed = initial::mandatory_flow_schema(name)?;
    (fixed.spec.as_ref() != Some(spec)).then(|| {
        let detail = format!("spec of '{name}' must equal the fixed value");
        Error::invalid(&Path::new("spec"), shown::spec(spec), detail)
    })
}

fn check_status(schema: &FlowSchema) -> ErrorList {
    let conditions = schema.status.as_ref().map(|status| &status.conditions);
    let types = conditions.into_iter().flatten().flatten();
    let types: Vec<&str> = types.map(|it| text(&it.type_)).collect();
    check_condition_types(&types)
}

/// Every condition has a type, and no other has the same.
pub(super) fn check_condition_types(types: &[&str]) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, kind) in types.iter().enumerate() {
        let path = Path::new("status")
            .child("conditions")
            .index(at)
            .child("type");
        if types[..at].contains(kind) {
            errors.push(Error::duplicate(&path, kind));
        }
        if kind.is_empty() {
            errors.push(Error::required(&path, ""));
        }
    }
    errors
}
