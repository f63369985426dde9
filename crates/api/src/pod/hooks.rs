//! What is particular about pods.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;
use serde_json::Value;

use super::absent::{flag, items, items_mut, text};
use super::spec::{self, Of};
use super::{
    annotations, app_armor, columns, condition, defaults, ephemeral, equality, placement, qos,
    resize, status, update, warnings,
};
use crate::address::ip_warnings;
use crate::cell;
use crate::def::Column;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

impl Hooks for Pod {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Ready",
            "string",
            "",
            0,
            "The aggregate readiness state of this pod for accepting traffic.",
        ),
        Column::of(
            "Status",
            "string",
            "",
            0,
            "The aggregate status of the containers in this pod.",
        ),
        Column::of(
            "Restarts",
            "string",
            "",
            0,
            "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
        ),
        cell::AGE,
        Column::of(
            "IP",
            "string",
            "",
            1,
            "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
        ),
        Column::of(
            "Node",
            "string",
            "",
            1,
            "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
        ),
        Column::of(
            "Nominated Node",
            "string",
            "",
            1,
            "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
        ),
        Column::of(
            "Readiness Gates",
            "string",
            "",
            1,
            "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates",
        ),
    ];
    const FIELDS: &'static [&'static str] = &[
        "spec.nodeName",
        // What clients of the first versions call it.
        "spec.host",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        // Taken, and nothing is told by it.
        "status.podIPs",
        "status.nominatedNodeName",
    ];

    fn apply_defaults(&mut self) {
        defaults::default_pod(self);
    }

    fn prepare_for_create(&mut self) {
        self.metadata.generation = Some(1);
        self.status = Some(PodStatus {
            phase: Some("Pending".into()),
            qos_class: Some(qos::qos_class(self).into()),
            ..Default::default()
        });
        let spec = self.spec.get_or_insert_default();
        defaults::drop_disabled(spec, None);
        if let (false, Some(status)) = (items(&spec.scheduling_gates).is_empty(), &mut self.status)
        {
            let message = "Scheduling is blocked due to non-empty scheduling gates";
            let now = self.metadata.creation_timestamp.clone();
            condition::set(
                status,
                "PodScheduled",
                "False",
                Some("SchedulingGated"),
                Some(message),
                now,
            );
        }
        if let Some(affinity) = &mut spec.affinity {
            placement::merge_label_keys(affinity, self.metadata.labels.as_ref());
        }
        placement::merge_spread_label_keys(
            items_mut(&mut spec.topology_spread_constraints),
            self.metadata.labels.as_ref(),
        );
        app_armor::take_over(spec, self.metadata.annotations.as_ref());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        match part {
            Part::Status => {
                status::keep_the_rest(self, old);
                return;
            }
            Part::Other("ephemeralcontainers") => {
                keep_metadata(self, old);
                ephemeral::keep_the_rest(self, old);
            }
            Part::Other("resize") => {
                keep_metadata(self, old);
                resize::keep_the_rest(self, old);
            }
            Part::Main | Part::Other(_) => {}
        }
        self.status = old.status.clone();
        defaults::drop_disabled(self.spec.get_or_insert_default(), old.spec.as_ref());
        if !equality::same(&self.spec, &old.spec) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn scope(part: Part) -> Scope {
        match part {
            Part::Main => Scope::AllBut(&["status"]),
            Part::Status => Scope::AllBut(&[
                "spec",
                "metadata.deletionTimestamp",
                "metadata.ownerReferences",
            ]),
            // Who writes a subresource owns all that it says there, also what is passed over.
            Part::Other(_) => Scope::AllBut(&[]),
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        let none = PodSpec::default();
        let spec = self.spec.as_ref().unwrap_or(&none);
        let path = Path::new("spec");
        let notes = self.metadata.annotations.as_ref();
        annotations::check(
            &mut errors,
            &Path::new("metadata").child("annotations"),
            notes,
            spec,
        );
        spec::check(
            &mut errors,
            &path,
            spec,
            Of::Pod(self.metadata.name.as_deref()),
        );
        check_tokens(&mut errors, &path, spec);
        update::check_images(&mut errors, &path, spec);
        errors
    }

    fn validate_create(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        let (none, path) = (PodSpec::default(), Path::new("spec"));
        let spec = self.spec.as_ref().unwrap_or(&none);
        check_new(&mut errors, &path, spec);
        let notes = self.metadata.annotations.as_ref();
        annotations::check_agreement(&mut errors, &path, notes, spec);
        errors
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        match part {
            Part::Main => update::check(self, old),
            Part::Status => status::check(self, old),
            Part::Other("ephemeralcontainers") => ephemeral::check(self, old),
            Part::Other("resize") => resize::check(self, old),
            Part::Other(_) => ErrorList::new(),
        }
    }

    fn status_warnings(&self) -> Vec<String> {
        let Some(status) = &self.status else {
            return Vec::new();
        };
        let path = Path::new("status");
        let pod = items(&status.pod_ips).iter().enumerate();
        let pod = pod.map(|(at, it)| (path.child("podIPs").index(at), it.ip.as_str()));
        let host = items(&status.host_ips).iter().enumerate();
        let host = host.map(|(at, it)| (path.child("hostIPs").index(at), it.ip.as_str()));
        pod.chain(host)
            .flat_map(|(path, ip)| ip_warnings(&path.child("ip"), ip))
            .collect()
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        if old.is_some() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let findings = is_dns1123_label(text(&self.metadata.name));
        if !findings.is_empty() {
            let why = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
            found.push(format!("metadata.name: {why}: [{}]", findings.join(" ")));
        }
        let none = PodSpec::default();
        let spec = self.spec.as_ref().unwrap_or(&none);
        found.extend(app_armor::warnings(
            spec,
            self.metadata.annotations.as_ref(),
        ));
        found.extend(warnings::of(spec, Some(&self.metadata), None));
        found
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        columns::cells(self, now)
    }

    fn field(&self, path: &str) -> Option<String> {
        let (no_spec, no_status) = (PodSpec::default(), PodStatus::default());
        let spec = self.spec.as_ref().unwrap_or(&no_spec);
        let status = self.status.as_ref().unwrap_or(&no_status);
        Some(match path {
            "spec.nodeName" | "spec.host" => text(&spec.node_name).to_owned(),
            "spec.restartPolicy" => text(&spec.restart_policy).to_owned(),
            "spec.schedulerName" => text(&spec.scheduler_name).to_owned(),
            "spec.serviceAccountName" => text(&spec.service_account_name).to_owned(),
            "spec.hostNetwork" => flag(spec.host_network).to_string(),
            "status.phase" => text(&status.phase).to_owned(),
            "status.podIP" => columns::first_ip(status).to_owned(),
            "status.nominatedNodeName" => text(&status.nominated_node_name).to_owned(),
            _ => return None,
        })
    }

    fn grace_period(&self, asked: Option<i64>) -> Option<i64> {
        let spec = self.spec.as_ref();
        let unscheduled = spec.is_none_or(|spec| text(&spec.node_name).is_empty());
        let ended = self
            .status
            .as_ref()
            .is_some_and(|status| matches!(text(&status.phase), "Failed" | "Succeeded"));
        let own = spec.and_then(|spec| spec.termination_grace_period_seconds);
        match asked.or(own).unwrap_or_default() {
            _ if unscheduled || ended => Some(0),
            ..0 => Some(1),
            seconds => Some(seconds),
        }
    }
}

/// A write of some of the spec alone says of the metadata only which pod is meant.
fn keep_metadata(pod: &mut Pod, old: &Pod) {
    let new = std::mem::take(&mut pod.metadata);
    pod.metadata = ObjectMeta {
        name: new.name,
        namespace: new.namespace,
        uid: new.uid,
        resource_version: new.resource_version,
        managed_fields: new.managed_fields,
        ..old.metadata.clone()
    };
}

/// What a pod cannot have that is only made.
fn check_new(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    if !items(&spec.ephemeral_containers).is_empty() {
        errors.push(Error::forbidden(
            &path.child("ephemeralContainers"),
            "cannot be set on create",
        ));
    }
    if !text(&spec.node_name).is_empty() && !items(&spec.scheduling_gates).is_empty() {
        errors.push(Error::forbidden(
            &path.child("nodeName"),
            "cannot be set until all schedulingGates have been cleared",
        ));
    }
}

/// A token is an account's.
fn check_tokens(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    if !text(&spec.service_account_name).is_empty() {
        return;
    }
    for (index, volume) in items(&spec.volumes).iter().enumerate() {
        let Some(projected) = &volume.projected else {
            continue;
        };
        for (source, _) in items(&projected.sources)
            .iter()
            .enumerate()
            .filter(|(_, it)| it.service_account_token.is_some())
        {
            let path = path
                .child("volumes")
                .index(index)
                .child("projected")
                .child("sources")
                .index(source)
                .child("serviceAccountToken");
            errors.push(Error::forbidden(
                &path,
                "must not be specified when serviceAccountName is not set",
            ));
        }
    }
}
