//! The status of a pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStatus, HostIP, Pod, PodIP, PodStatus,
};
use navarch_runtime::cri::{ContainerRecord, ContainerState as RunState};

use super::conditions::{self, Facts};
use super::container_status::Kind;
use super::view::{View, exit_code, is_replaced};
use super::{Refusal, container_status, phase, resize};
use crate::resources::qos_class;
use crate::spec;

/// Reasons and messages of waiting containers, by name.
pub(super) type Waiting = BTreeMap<String, (String, String)>;

/// The status, with what is not the node's kept as it is.
pub(super) fn status(
    view: &View<'_>,
    waiting: &Waiting,
    refusal: Option<&Refusal>,
    ending: bool,
) -> PodStatus {
    let pod = view.pod;
    let mut status = spec::status(pod).clone();
    let init = container_status::statuses(view, waiting, spec::init_containers(pod), Kind::Init);
    let regular = container_status::statuses(view, waiting, spec::containers(pod), Kind::Regular);
    let (init, regular) = match refusal {
        // A pod that was refused before anything ran has no container statuses, as with the kubelet.
        Some(r)
            if !r.evicted
                && view.actual.containers.is_empty()
                && r.reason != "DeadlineExceeded" =>
        {
            (Vec::new(), Vec::new())
        }
        _ => (init, regular),
    };
    let ephemeral: Vec<_> = spec::ephemeral_containers(pod).collect();
    let ephemeral = container_status::statuses(view, waiting, &ephemeral, Kind::Ephemeral);
    let phase = phase_of(view, &init, &regular, refusal, ending);
    if let Some(refusal) = refusal {
        status.reason = Some(refusal.reason.clone());
        status.message = Some(refusal.message.clone());
    }
    let facts = Facts {
        pod,
        now: view.now,
        phase: &phase,
        init: &init,
        regular: &regular,
        sandbox_ready: sandbox_ready(view),
        refusal,
        history: view.history,
        resizing: resize::outstanding(view),
    };
    status.conditions = Some(conditions::conditions(&facts));
    status.observed_generation = pod.metadata.generation;
    status
        .qos_class
        .get_or_insert_with(|| qos_class(pod).to_owned());
    status.start_time.get_or_insert_with(|| {
        navarch_machinery::time::seconds(view.history.seen_at.unwrap_or(view.now))
    });
    status.phase = Some(phase);
    status.init_container_statuses = (!init.is_empty()).then_some(init);
    status.container_statuses = (!regular.is_empty()).then_some(regular);
    status.ephemeral_container_statuses = (!ephemeral.is_empty()).then_some(ephemeral);
    addresses(view, &mut status);
    status
}

fn phase_of(
    view: &View<'_>,
    init: &[ContainerStatus],
    regular: &[ContainerStatus],
    refusal: Option<&Refusal>,
    ending: bool,
) -> String {
    let old = spec::status(view.pod).phase.as_deref();
    if let Some(ended @ ("Succeeded" | "Failed")) = old {
        return ended.to_owned();
    }
    if refusal.is_some() {
        return "Failed".to_owned();
    }
    let mut all: Vec<ContainerStatus> = init.iter().chain(regular).cloned().collect();
    for status in &mut all {
        // The end of one that is replaced says nothing of the pod.
        let latest = view.actual.latest(&status.name);
        if latest.is_some_and(|record| is_replaced(record)) {
            status.state = Some(ContainerState {
                running: Some(ContainerStateRunning::default()),
                ..ContainerState::default()
            });
        }
    }
    let sandbox = view.actual.sandbox().map(|s| s.id.as_str());
    let initialized = spec::containers(view.pod).iter().any(|c| {
        view.actual
            .latest(&c.name)
            .is_some_and(|r| Some(r.sandbox_id.as_str()) == sandbox && r.started_at > 0)
    });
    // Only once nothing runs any more does a pod that ends reach its last phase.
    phase::phase(view.pod, &all, ending && all_ended(view), initialized).to_owned()
}

/// Whether no container of the pod runs.
pub(super) fn all_ended(view: &View<'_>) -> bool {
    !view
        .actual
        .containers
        .iter()
        .any(|c| c.state == RunState::Running)
}

fn sandbox_ready(view: &View<'_>) -> bool {
    match (view.actual.ready_sandbox(), &view.history.attached) {
        (Some(sandbox), Some((attached, _))) => sandbox.id == *attached,
        _ => false,
    }
}

fn addresses(view: &View<'_>, status: &mut PodStatus) {
    let hosts: Vec<String> = view
        .node
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    if let Some(first) = hosts.first() {
        status.host_ip = Some(first.clone());
        status.host_ips = Some(hosts.iter().map(|ip| HostIP { ip: ip.clone() }).collect());
    }
    let attached = view
        .history
        .attached
        .as_ref()
        .map(|(_, ips)| ips.as_slice())
        .unwrap_or_default();
    let ips: Vec<String> = if spec::host_network(view.pod) {
        hosts
    } else {
        attached.iter().map(ToString::to_string).collect()
    };
    // A pod that lost its sandbox keeps its addresses in the status until it has new ones.
    if let Some(first) = ips.first() {
        status.pod_ip = Some(first.clone());
        status.pod_ips = Some(ips.iter().map(|ip| PodIP { ip: ip.clone() }).collect());
    }
}

/// What the API was told of a container.
fn told<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = spec::status(pod);
    let init = status
        .init_container_statuses
        .as_deref()
        .unwrap_or_default();
    let ephemeral = status.ephemeral_container_statuses.as_deref();
    init.iter()
        .chain(status.container_statuses.as_deref().unwrap_or_default())
        .chain(ephemeral.unwrap_or_default())
        .find(|s| s.name == name)
}

/// What the API was told of this very container.
fn told_of<'a>(pod: &'a Pod, record: &ContainerRecord) -> Option<&'a ContainerStatus> {
    told(pod, &record.config.name)
        .filter(|s| s.container_id.as_deref() == Some(&container_status::container_id(&record.id)))
}

/// Whether the API was told that this container is ready: what a restarted node goes by until its probes have run.
pub(super) fn was_ready(pod: &Pod, record: &ContainerRecord) -> bool {
    told_of(pod, record).is_some_and(|s| s.ready)
}

/// Whether the API was told that this container has started.
pub(super) fn was_started(pod: &Pod, record: &ContainerRecord) -> bool {
    told_of(pod, record).is_some_and(|s| s.started == Some(true))
}

/// The reason that the API was told for which a container waits.
pub(super) fn waiting_reason<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    told(pod, name)?
        .state
        .as_ref()?
        .waiting
        .as_ref()?
        .reason
        .as_deref()
}

/// The least attempt that a new container may have, by what the API was told.
pub(super) fn restarts_told(pod: &Pod, name: &str) -> u32 {
    let Some(status) = told(pod, name) else {
        return 0;
    };
    // A container that is told of was the last one; without one, the next is counted already.
    let count = u32::try_from(status.restart_count).unwrap_or(0);
    count.saturating_add(u32::from(status.container_id.is_some()))
}

/// What the API was told of a container, for one that left no record.
pub(super) fn before<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    told(pod, name)
}

/// Whether a regular init container has done its work.
pub(super) fn succeeded(record: &ContainerRecord) -> bool {
    exit_code(record) == Some(0)
}
