//! The schemas of the beginning.

use k8s_openapi::api::flowcontrol::v1::{
    FlowDistinguisherMethod, FlowSchema, FlowSchemaSpec, GroupSubject, NonResourcePolicyRule,
    PolicyRulesWithSubjects, PriorityLevelConfigurationReference, ResourcePolicyRule,
    ServiceAccountSubject, Subject, UserSubject,
};

use super::named;

const BY_USER: Option<&str> = Some("ByUser");
const BY_NAMESPACE: Option<&str> = Some("ByNamespace");
const ANY: &[&str] = &["*"];
const EVERYBODY: &[Who] = &[
    Who::Group("system:unauthenticated"),
    Who::Group("system:authenticated"),
];
const NODES: &[Who] = &[Who::Group("system:nodes")];
const CONTROLLER_MANAGER: Who = Who::User("system:kube-controller-manager");
const SCHEDULER: Who = Who::User("system:kube-scheduler");
const SYSTEM_ACCOUNTS: Who = Who::Accounts("kube-system");

/// Who sends a request.
enum Who {
    Group(&'static str),
    User(&'static str),
    /// All service accounts of a namespace.
    Accounts(&'static str),
}

/// What a request is about.
enum What {
    /// Anything.
    All,
    /// Paths that are no resources, read.
    Paths(&'static [&'static str]),
    /// Resources: verbs, group, names, and whether those outside of namespaces are meant as well.
    Resources(&'static [Of]),
}

type Of = (
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
    bool,
);

struct Schema {
    name: &'static str,
    level: &'static str,
    precedence: i32,
    distinguished: Option<&'static str>,
    who: &'static [Who],
    what: What,
}

const fn schema(
    name: &'static str,
    level: &'static str,
    precedence: i32,
    distinguished: Option<&'static str>,
    who: &'static [Who],
    what: What,
) -> Schema {
    Schema {
        name,
        level,
        precedence,
        distinguished,
        who,
        what,
    }
}

const LEASES: &str = "coordination.k8s.io";
const ELECTION: What =
    What::Resources(&[(&["get", "create", "update"], LEASES, &["leases"], false)]);
const HEALTH_OF_NODES: What = What::Resources(&[
    (ANY, "", &["nodes", "nodes/status"], true),
    (ANY, LEASES, &["leases"], false),
]);

#[rustfmt::skip]
const SCHEMAS: &[Schema] = &[
    schema("exempt", "exempt", 1, None, &[Who::Group("system:masters")], What::All),
    schema("probes", "exempt", 2, None, EVERYBODY, What::Paths(&["/healthz", "/readyz", "/livez"])),
    schema("system-leader-election", "leader-election", 100, BY_USER, &[CONTROLLER_MANAGER, SCHEDULER, SYSTEM_ACCOUNTS], ELECTION),
    schema("system-node-high", "node-high", 400, BY_USER, NODES, HEALTH_OF_NODES),
    schema("system-nodes", "system", 500, BY_USER, NODES, What::All),
    schema("kube-controller-manager", "workload-high", 800, BY_NAMESPACE, &[CONTROLLER_MANAGER], What::All),
    schema("kube-scheduler", "workload-high", 800, BY_NAMESPACE, &[SCHEDULER], What::All),
    schema("kube-system-service-accounts", "workload-high", 900, BY_NAMESPACE, &[SYSTEM_ACCOUNTS], What::All),
    schema("service-accounts", "workload-low", 9000, BY_USER, &[Who::Group("system:serviceaccounts")], What::All),
    schema("global-default", "global-default", 9900, BY_USER, EVERYBODY, What::All),
    schema("catch-all", "catch-all", 10_000, BY_USER, EVERYBODY, What::All),
];

pub(super) fn all() -> Vec<FlowSchema> {
    SCHEMAS.iter().map(Schema::object).collect()
}

impl Schema {
    fn object(&self) -> FlowSchema {
        let (resources, paths) = self.what.rules();
        FlowSchema {
            metadata: named(self.name),
            spec: Some(FlowSchemaSpec {
                distinguisher_method: self.distinguished.map(|by| FlowDistinguisherMethod {
                    type_: by.to_owned(),
                }),
                matching_precedence: Some(self.precedence),
                priority_level_configuration: PriorityLevelConfigurationReference {
                    name: self.level.to_owned(),
                },
                rules: Some(vec![PolicyRulesWithSubjects {
                    subjects: self.who.iter().map(Who::subject).collect(),
                    resource_rules: resources,
                    non_resource_rules: paths,
                }]),
            }),
            status: None,
        }
    }
}

impl Who {
    fn subject(&self) -> Subject {
        let mut subject = Subject::default();
        match *self {
            Self::Group(name) => {
                subject.kind = "Group".to_owned();
                subject.group = Some(GroupSubject { name: name.into() });
            }
            Self::User(name) => {
                subject.kind = "User".to_owned();
                subject.user = Some(UserSubject { name: name.into() });
            }
            Self::Accounts(namespace) => {
                subject.kind = "ServiceAccount".to_owned();
                subject.service_account = Some(ServiceAccountSubject {
                    name: "*".to_owned(),
                    namespace: namespace.to_owned(),
                });
            }
        }
        subject
    }
}

impl What {
    fn rules(
        &self,
    ) -> (
        Option<Vec<ResourcePolicyRule>>,
        Option<Vec<NonResourcePolicyRule>>,
    ) {
        match self {
            Self::All => (
                Some(vec![resources(&(ANY, "*", ANY, true))]),
                Some(vec![paths(ANY, ANY)]),
            ),
            Self::Paths(urls) => (None, Some(vec![paths(&["get"], urls)])),
            Self::Resources(all) => (Some(all.iter().map(resources).collect()), None),
        }
    }
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|&member| member.to_owned()).collect()
}

fn resources(&(verbs, group, names, cluster): &Of) -> ResourcePolicyRule {
    ResourcePolicyRule {
        verbs: owned(verbs),
        api_groups: owned(&[group]),
        resources: owned(names),
        namespaces: Some(owned(ANY)),
        cluster_scope: cluster.then_some(true),
    }
}

fn paths(verbs: &[&str], urls: &[&str]) -> NonResourcePolicyRule {
    NonResourcePolicyRule {
        verbs: owned(verbs),
        non_resource_urls: owned(urls),
    }
}
