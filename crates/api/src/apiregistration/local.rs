//! The API services of what this server answers for itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{APIService, APIServiceSpec};

use crate::table::Table;

/// Says that the object is kept by the server, as it was when that started.
const MANAGED: (&str, &str) = ("kube-aggregator.kubernetes.io/automanaged", "onstart");

/// Kubernetes' own groups with their priorities: which of them clients meet first.
const GROUPS: &[(&str, i32)] = &[
    ("", 18_000),
    ("apps", 17_800),
    ("events.k8s.io", 17_750),
    ("authentication.k8s.io", 17_700),
    ("authorization.k8s.io", 17_600),
    ("autoscaling", 17_500),
    ("batch", 17_400),
    ("certificates.k8s.io", 17_300),
    ("networking.k8s.io", 17_200),
    ("policy", 17_100),
    ("rbac.authorization.k8s.io", 17_000),
    ("storage.k8s.io", 16_800),
    ("admissionregistration.k8s.io", 16_700),
    ("apiextensions.k8s.io", 16_700),
    ("scheduling.k8s.io", 16_600),
    ("coordination.k8s.io", 16_500),
    ("node.k8s.io", 16_300),
    ("discovery.k8s.io", 16_200),
    ("resource.k8s.io", 16_200),
    ("flowcontrol.apiserver.k8s.io", 16_100),
];
/// Versions whose priority within their group is not the usual.
const VERSIONS: &[(&str, &str, i32)] = &[
    ("", "v1", 1),
    ("autoscaling", "v2", 30),
    ("resource.k8s.io", "v1", 21),
    ("flowcontrol.apiserver.k8s.io", "v1", 21),
];
const VERSION: i32 = 15;

/// One for each version of each of Kubernetes' own groups in the table. The aggregator's own group has none.
pub fn local_services(table: &Table) -> Vec<APIService> {
    let mut services = Vec::new();
    for (group, minimum) in GROUPS {
        let versions = table
            .group(group)
            .into_iter()
            .flat_map(|group| group.versions());
        services.extend(versions.map(|(version, _)| local_service(group, version, *minimum)));
    }
    services
}

fn local_service(group: &str, version: &str, minimum: i32) -> APIService {
    let is_this = |row: &&(&str, &str, i32)| (row.0, row.1) == (group, version);
    let priority = VERSIONS.iter().find(is_this).map_or(VERSION, |row| row.2);
    APIService {
        metadata: ObjectMeta {
            name: Some(format!("{version}.{group}")),
            labels: Some([(MANAGED.0.to_owned(), MANAGED.1.to_owned())].into()),
            ..Default::default()
        },
        spec: Some(APIServiceSpec {
            group: (!group.is_empty()).then(|| group.to_owned()),
            version: Some(version.to_owned()),
            group_priority_minimum: minimum,
            version_priority: priority,
            ..Default::default()
        }),
        status: None,
    }
}
