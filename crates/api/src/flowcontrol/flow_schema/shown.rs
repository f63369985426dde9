//! Parts of a flow schema as errors show them.

use k8s_openapi::api::flowcontrol::v1::{
    FlowDistinguisherMethod, FlowSchemaSpec, NonResourcePolicyRule, PolicyRulesWithSubjects,
    ResourcePolicyRule, Subject,
};

use crate::pod::absent::items;
use crate::pod::check::Json;

pub(super) fn method(method: &FlowDistinguisherMethod) -> Json {
    Json::object(&[("Type", Json::of(&method.type_))])
}

pub(super) fn spec(spec: &FlowSchemaSpec) -> Json {
    Json::object(&[
        (
            "PriorityLevelConfiguration",
            named(&spec.priority_level_configuration.name),
        ),
        (
            "MatchingPrecedence",
            Json::of(&spec.matching_precedence.unwrap_or_default()),
        ),
        (
            "DistinguisherMethod",
            Json::object_or_null(&spec.distinguisher_method, method),
        ),
        ("Rules", Json::list(items(&spec.rules), rule)),
    ])
}

fn named(name: &String) -> Json {
    Json::object(&[("Name", Json::of(name))])
}

fn rule(rule: &PolicyRulesWithSubjects) -> Json {
    Json::object(&[
        ("Subjects", Json::list(&rule.subjects, subject)),
        (
            "ResourceRules",
            Json::list(items(&rule.resource_rules), resources),
        ),
        (
            "NonResourceRules",
            Json::list(items(&rule.non_resource_rules), others),
        ),
    ])
}

fn subject(subject: &Subject) -> Json {
    let account = Json::object_or_null(&subject.service_account, |account| {
        Json::object(&[
            ("Namespace", Json::of(&account.namespace)),
            ("Name", Json::of(&account.name)),
        ])
    });
    Json::object(&[
        ("Kind", Json::of(&subject.kind)),
        (
            "User",
            Json::object_or_null(&subject.user, |user| named(&user.name)),
        ),
        (
            "Group",
            Json::object_or_null(&subject.group, |group| named(&group.name)),
        ),
        ("ServiceAccount", account),
    ])
}

fn resources(rule: &ResourcePolicyRule) -> Json {
    Json::object(&[
        ("Verbs", Json::list(&rule.verbs, Json::of)),
        ("APIGroups", Json::list(&rule.api_groups, Json::of)),
        ("Resources", Json::list(&rule.resources, Json::of)),
        (
            "ClusterScope",
            Json::of(&rule.cluster_scope.unwrap_or_default()),
        ),
        ("Namespaces", Json::list(items(&rule.namespaces), Json::of)),
    ])
}

fn others(rule: &NonResourcePolicyRule) -> Json {
    Json::object(&[
        ("Verbs", Json::list(&rule.verbs, Json::of)),
        (
            "NonResourceURLs",
            Json::list(&rule.non_resource_urls, Json::of),
        ),
    ])
}
