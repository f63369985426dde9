//! Collects what Kubernetes says of its types and of their fields, for `kubectl explain`. k8s-openapi has it, as the descriptions of
//! JSON schemas, in code that would be larger than the texts; so it runs here, and the program has the texts alone, compressed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use k8s_openapi::api::{
    admissionregistration, apps, authentication, authorization, autoscaling, batch, certificates,
    coordination, core, discovery, events, flowcontrol, networking, node, policy, rbac, resource,
    scheduling, storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::{apis::meta, version};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration;
use schemars::SchemaGenerator;
use serde_json::Value;

/// Each with all that it mentions. A test sees to it that nothing in the table of resources lacks its text.
macro_rules! all {
    ($generator:ident: $($group:ident::$version:ident { $($kind:ident)* })*) => {
        $($($generator.subschema_for::<$group::$version::$kind>();)*)*
    };
}

fn collect(of: &mut SchemaGenerator) {
    all! { of:
        admissionregistration::v1 {
            MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration
            ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration
        }
        apiextensions::v1 { CustomResourceDefinition }
        apiregistration::v1 { APIService }
        apps::v1 { ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet }
        authentication::v1 { SelfSubjectReview TokenRequest TokenReview }
        authorization::v1 { LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview }
        autoscaling::v1 { HorizontalPodAutoscaler Scale }
        autoscaling::v2 { HorizontalPodAutoscaler }
        batch::v1 { CronJob Job }
        certificates::v1 { CertificateSigningRequest }
        coordination::v1 { Lease }
        core::v1 {
            Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume
            PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount
        }
        discovery::v1 { EndpointSlice }
        events::v1 { Event }
        flowcontrol::v1 { FlowSchema PriorityLevelConfiguration }
        meta::v1 { APIGroup APIGroupList APIResourceList APIVersions DeleteOptions Status }
        networking::v1 { IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR }
        node::v1 { RuntimeClass }
        policy::v1 { Eviction PodDisruptionBudget }
        rbac::v1 { ClusterRole ClusterRoleBinding Role RoleBinding }
        resource::v1 { DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice }
        scheduling::v1 { PriorityClass }
        storage::v1 { CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass }
    }
    of.subschema_for::<version::Info>();
}

/// The text of a type, and those of its fields.
type About = (String, BTreeMap<String, String>);

fn about(schema: &Value) -> About {
    let text = |of: &Value| of["description"].as_str().unwrap_or_default().to_owned();
    let fields = schema["properties"].as_object().into_iter().flatten();
    let fields = fields.map(|(name, property)| (name.clone(), text(property)));
    (text(schema), fields.collect())
}

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut generator = SchemaGenerator::default();
    collect(&mut generator);
    let schemas = generator.definitions().iter();
    let texts: BTreeMap<&String, About> = schemas
        .map(|(name, schema)| (name, about(schema)))
        .collect();
    let directory = std::env::var_os("OUT_DIR").unwrap_or_default();
    let file = std::fs::File::create(Path::new(&directory).join("texts.json.deflate"))?;
    let mut out = DeflateEncoder::new(file, Compression::best());
    serde_json::to_writer(&mut out, &texts)?;
    out.finish()?.flush()
}
