//! Fields that Kubernetes writes as `null` where there is nothing in them: those whose Go tag has no `omitempty` and whose type has
//! an empty value that is `null` in JSON (lists, maps, pointers), and times, of which Go leaves none out.

use std::collections::HashMap;
use std::sync::LazyLock;

use navarch_machinery::schema::TypeId;

use crate::schema::schema;

/// The fields of a type that are written as `null` where there is nothing in them.
pub(crate) fn nulled(ty: TypeId) -> &'static [&'static str] {
    static BY_TYPE: LazyLock<HashMap<TypeId, &'static [&'static str]>> = LazyLock::new(|| {
        let ids = NULLED
            .iter()
            .map(|(name, fields)| Some((schema().id(name)?, *fields)));
        ids.flatten().collect()
    });
    BY_TYPE.get(&ty).copied().unwrap_or_default()
}

/// By the full name of the type. Not here: what validation has be there, and the types of discovery and of answers to reviews,
/// which no store keeps.
const NULLED: &[(&str, &[&str])] = &[
    (
        "io.k8s.api.admissionregistration.v1.MutatingWebhook",
        &["admissionReviewVersions"],
    ),
    (
        "io.k8s.api.admissionregistration.v1.ValidatingWebhook",
        &["admissionReviewVersions"],
    ),
    (
        "io.k8s.api.apps.v1.DaemonSetCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.apps.v1.DeploymentCondition",
        &["lastTransitionTime", "lastUpdateTime"],
    ),
    (
        "io.k8s.api.apps.v1.ReplicaSetCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.apps.v1.StatefulSetCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus",
        &["currentMetrics"],
    ),
    (
        "io.k8s.api.batch.v1.JobCondition",
        &["lastProbeTime", "lastTransitionTime"],
    ),
    ("io.k8s.api.batch.v1.PodFailurePolicy", &["rules"]),
    (
        "io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement",
        &["values"],
    ),
    ("io.k8s.api.batch.v1.SuccessPolicy", &["rules"]),
    (
        "io.k8s.api.certificates.v1.CertificateSigningRequestCondition",
        &["lastTransitionTime", "lastUpdateTime"],
    ),
    (
        "io.k8s.api.core.v1.AzureFilePersistentVolumeSource",
        &["secretNamespace"],
    ),
    (
        "io.k8s.api.core.v1.CephFSPersistentVolumeSource",
        &["monitors"],
    ),
    ("io.k8s.api.core.v1.CephFSVolumeSource", &["monitors"]),
    ("io.k8s.api.core.v1.ContainerImage", &["names"]),
    ("io.k8s.api.core.v1.ContainerStateRunning", &["startedAt"]),
    (
        "io.k8s.api.core.v1.ContainerStateTerminated",
        &["finishedAt", "startedAt"],
    ),
    (
        "io.k8s.api.core.v1.Event",
        &["eventTime", "firstTimestamp", "lastTimestamp"],
    ),
    ("io.k8s.api.core.v1.EventSeries", &["lastObservedTime"]),
    ("io.k8s.api.core.v1.GRPCAction", &["service"]),
    ("io.k8s.api.core.v1.LimitRangeSpec", &["limits"]),
    (
        "io.k8s.api.core.v1.NamespaceCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus",
        &["resources"],
    ),
    (
        "io.k8s.api.core.v1.NodeCondition",
        &["lastHeartbeatTime", "lastTransitionTime"],
    ),
    ("io.k8s.api.core.v1.NodeSelector", &["nodeSelectorTerms"]),
    (
        "io.k8s.api.core.v1.PersistentVolumeClaimCondition",
        &["lastProbeTime", "lastTransitionTime"],
    ),
    (
        "io.k8s.api.core.v1.PodCondition",
        &["lastProbeTime", "lastTransitionTime"],
    ),
    (
        "io.k8s.api.core.v1.PodExtendedResourceClaimStatus",
        &["requestMappings"],
    ),
    ("io.k8s.api.core.v1.PodSpec", &["containers"]),
    ("io.k8s.api.core.v1.ProjectedVolumeSource", &["sources"]),
    (
        "io.k8s.api.core.v1.RBDPersistentVolumeSource",
        &["monitors"],
    ),
    ("io.k8s.api.core.v1.RBDVolumeSource", &["monitors"]),
    (
        "io.k8s.api.core.v1.ReplicationControllerCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.core.v1.TopologySelectorLabelRequirement",
        &["values"],
    ),
    (
        "io.k8s.api.core.v1.TypedLocalObjectReference",
        &["apiGroup"],
    ),
    ("io.k8s.api.core.v1.TypedObjectReference", &["apiGroup"]),
    ("io.k8s.api.discovery.v1.Endpoint", &["addresses"]),
    (
        "io.k8s.api.discovery.v1.EndpointSlice",
        &["endpoints", "ports"],
    ),
    (
        "io.k8s.api.events.v1.Event",
        &[
            "deprecatedFirstTimestamp",
            "deprecatedLastTimestamp",
            "eventTime",
        ],
    ),
    (
        "io.k8s.api.flowcontrol.v1.FlowSchemaCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.flowcontrol.v1.LimitedPriorityLevelConfiguration",
        &["nominalConcurrencyShares"],
    ),
    (
        "io.k8s.api.flowcontrol.v1.NonResourcePolicyRule",
        &["nonResourceURLs", "verbs"],
    ),
    (
        "io.k8s.api.flowcontrol.v1.PolicyRulesWithSubjects",
        &["subjects"],
    ),
    (
        "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.api.flowcontrol.v1.ResourcePolicyRule",
        &["apiGroups", "namespaces", "resources", "verbs"],
    ),
    ("io.k8s.api.networking.v1.HTTPIngressRuleValue", &["paths"]),
    (
        "io.k8s.api.networking.v1.IngressClassParametersReference",
        &["scope"],
    ),
    ("io.k8s.api.rbac.v1.ClusterRole", &["rules"]),
    ("io.k8s.api.rbac.v1.PolicyRule", &["verbs"]),
    ("io.k8s.api.rbac.v1.Role", &["rules"]),
    (
        "io.k8s.api.resource.v1.AllocatedDeviceStatus",
        &["conditions"],
    ),
    ("io.k8s.api.resource.v1.CapacityRequestPolicy", &["default"]),
    ("io.k8s.api.resource.v1.DeviceClaim", &["requests"]),
    ("io.k8s.api.storage.v1.CSINodeDriver", &["topologyKeys"]),
    ("io.k8s.api.storage.v1.CSINodeSpec", &["drivers"]),
    ("io.k8s.api.storage.v1.VolumeError", &["time"]),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionCondition",
        &["lastTransitionTime"],
    ),
    (
        "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceCondition",
        &["lastTransitionTime"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_those_of_types_and_fields() {
        for (name, fields) in NULLED {
            let ty = schema().get(name).unwrap();
            for field in *fields {
                assert!(ty.field(field).is_some(), "{name}.{field}");
            }
            // The walk over an object keeps what it has seen in the bits of a number.
            assert!(fields.len() < 32, "{name}");
        }
    }
}
