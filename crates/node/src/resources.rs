//! What a pod asks of the node, and how the kernel is told.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use navarch_runtime::cri::Resources;

use crate::quantity::{milli_of, units_of};
use crate::spec;

/// Microseconds of a CPU quota's period.
const PERIOD: i64 = 100_000;
/// The least quota the kernel takes: 1 ms.
const LEAST_QUOTA: i64 = 1000;
/// The most processes and threads of a pod, so that no pod takes all of the node's.
pub const POD_PIDS: i64 = 4096;

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn qos_class(pod: &Pod) -> &'static str {
    if let Some(class) = spec::status(pod).qos_class.as_deref() {
        match class {
            "Guaranteed" => return "Guaranteed",
            "Burstable" => return "Burstable",
            "BestEffort" => return "BestEffort",
            _ => {}
        }
    }
    let (mut any, mut all_limited) = (false, true);
    for container in spec::all_containers(pod) {
        for resource in ["cpu", "memory"] {
            let limit = milli_of(limits(container), resource);
            let request = request(container, resource);
            any |= limit > 0 || request > 0;
            all_limited &= limit > 0 && limit == request;
        }
    }
    match (any, all_limited) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn requirements(container: &Container) -> Option<&ResourceRequirements> {
    container.resources.as_ref()
}

fn limits(container: &Container) -> Option<&crate::quantity::ResourceList> {
    requirements(container)?.limits.as_ref()
}

/// A request in thousandths; where none is given, the limit.
fn request(container: &Container, resource: &str) -> i64 {
    let given = requirements(container)
        .and_then(|r| r.requests.as_ref())
        .filter(|r| r.contains_key(resource));
    milli_of(given.or_else(|| limits(container)), resource)
}

/// What a pod requests of a resource, in thousandths: the sum of its containers and sidecars, or what an init container needs with
/// the sidecars before it, and the overhead.
pub fn pod_request(pod: &Pod, resource: &str) -> i64 {
    let own = spec::spec(pod)
        .resources
        .as_ref()
        .and_then(|r| r.requests.as_ref());
    let overhead = milli_of(spec::spec(pod).overhead.as_ref(), resource);
    if own.is_some_and(|own| own.contains_key(resource)) {
        return milli_of(own, resource).saturating_add(overhead);
    }
    sum(pod, |container| request(container, resource)).saturating_add(overhead)
}

fn sum(pod: &Pod, of: impl Fn(&Container) -> i64) -> i64 {
    let (mut sidecars, mut most) = (0i64, 0i64);
    for container in spec::init_containers(pod) {
        let wanted = of(container);
        if spec::restartable(container) {
            sidecars = sidecars.saturating_add(wanted);
            most = most.max(sidecars);
        } else {
            most = most.max(sidecars.saturating_add(wanted));
        }
    }
    let regular = spec::containers(pod)
        .iter()
        .fold(0i64, |total, c| total.saturating_add(of(c)));
    regular.saturating_add(sidecars).max(most)
}

/// Weight from thousandths of a CPU: 1024 a CPU, 2 to 262144.
fn shares(milli: i64) -> u64 {
    u64::try_from(milli.saturating_mul(1024) / 1000)
        .unwrap_or(2)
        .clamp(2, 262_144)
}

fn quota(milli: i64) -> i64 {
    if milli <= 0 {
        0
    } else {
        (milli.saturating_mul(PERIOD) / 1000).max(LEAST_QUOTA)
    }
}

/// The limits of a container.
pub fn container_resources(pod: &Pod, container: &Container, node_memory: i64) -> Resources {
    let cpu_limit = milli_of(limits(container), "cpu");
    Resources {
        cpu_shares: shares(request(container, "cpu")),
        cpu_quota: quota(cpu_limit),
        cpu_period: if cpu_limit > 0 {
            PERIOD.unsigned_abs()
        } else {
            0
        },
        memory_limit: units_of(limits(container), "memory"),
        // The pod's cgroup bears it.
        pids_limit: 0,
        oom_score_adj: oom_score_adj(pod, container, node_memory),
    }
}

/// The limits of a pod as a whole.
pub fn pod_resources(pod: &Pod) -> Resources {
    let all_limit = |resource| spec::all_containers(pod).all(|c| milli_of(limits(c), resource) > 0);
    let own = spec::spec(pod)
        .resources
        .as_ref()
        .and_then(|r| r.limits.as_ref());
    let total = |resource| match own.filter(|own| own.contains_key(resource)) {
        Some(own) => milli_of(Some(own), resource),
        None if all_limit(resource) => sum(pod, |c| milli_of(limits(c), resource)),
        None => 0,
    };
    let cpu = total("cpu");
    Resources {
        cpu_shares: shares(pod_request(pod, "cpu")),
        cpu_quota: quota(cpu),
        cpu_period: if cpu > 0 { PERIOD.unsigned_abs() } else { 0 },
        memory_limit: total("memory") / 1000,
        pids_limit: POD_PIDS,
        oom_score_adj: 0,
    }
}

/// The pod's cgroup: `kubepods/burstable/pod<uid>`; guaranteed pods directly under `kubepods`.
pub fn cgroup_parent(pod: &Pod) -> String {
    let tier = match qos_class(pod) {
        "Guaranteed" => "",
        "Burstable" => "/burstable",
        _ => "/besteffort",
    };
    format!("kubepods{tier}/pod{}", spec::uid(pod))
}

/// Whom the kernel kills first when memory runs out, as the kubelet computes it: the more of the node's memory a burstable
/// container requests, the later.
fn oom_score_adj(pod: &Pod, container: &Container, node_memory: i64) -> i32 {
    const CRITICAL: i32 = 2_000_000_000;
    if spec::spec(pod).priority.unwrap_or(0) >= CRITICAL {
        return -997;
    }
    match qos_class(pod) {
        "Guaranteed" => return -997,
        "BestEffort" => return 1000,
        _ => {}
    }
    let score = |milli: i64| 1000 - milli / node_memory.max(1);
    let mut adjust = score(request(container, "memory"));
    if spec::is_sidecar(pod, &container.name) {
        let least = spec::containers(pod)
            .iter()
            .map(|c| request(c, "memory"))
            .min()
            .unwrap_or(0);
        adjust = adjust.min(score(least));
    }
    i32::try_from(adjust.clamp(3, 999)).unwrap_or(999)
}
