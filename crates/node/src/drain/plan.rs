//! Which of a node's pods go when it is drained, which stay, and which are in the way: as `kubectl drain` has it. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

/// The annotation of pods that are files of the node's.
const MIRROR: &str = "kubernetes.io/config.mirror";

const DAEMON_SET_FATAL: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMON_SET_WARNING: &str = "ignoring DaemonSet-managed Pods";
const LOCAL_STORAGE_FATAL: &str =
    "Pods with local storage (use --delete-emptydir-data to override)";
const LOCAL_STORAGE_WARNING: &str = "deleting Pods with local storage";
const UNMANAGED_FATAL: &str = "Pods that declare no controller (use --force to override)";
const UNMANAGED_WARNING: &str = "deleting Pods that declare no controller";

/// What may be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permitted {
    /// Pods without a controller, which nobody makes again.
    pub force: bool,
    /// Nothing of daemon sets: their pods stay, and are in nobody's way.
    pub ignore_daemon_sets: bool,
    /// Data in `emptyDir` volumes.
    pub empty_dir_data: bool,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The pods that go.
    pub(super) evict: Vec<Arc<Pod>>,
    /// Why some go or stay all the same, with their names.
    pub(super) warnings: Vec<String>,
    /// Why nothing can be done, with their names.
    pub(super) refusals: Vec<String>,
}

enum Verdict {
    Goes(Option<&'static str>),
    Stays(Option<&'static str>),
    Refused(Cow<'static, str>),
}

/// Of these pods of a node. `is_orphan`: whether the daemon set of a pod is gone.
pub(super) fn plan(
    pods: impl IntoIterator<Item = Arc<Pod>>,
    permitted: Permitted,
    is_orphan: impl Fn(&Pod) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut warnings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut refusals: BTreeMap<Cow<'_, str>, Vec<String>> = BTreeMap::new();
    for pod in pods {
        let (goes, warning) = match verdict(&pod, permitted, is_orphan(&pod)) {
            Verdict::Goes(warning) => (true, warning),
            Verdict::Stays(warning) => (false, warning),
            Verdict::Refused(why) => {
                refusals.entry(why).or_default().push(name(&pod));
                continue;
            }
        };
        if let Some(warning) = warning {
            warnings.entry(warning).or_default().push(name(&pod));
        }
        if goes {
            plan.evict.push(pod);
        }
    }
    let told = |why: &str, pods: &[String]| format!("{why}: {}", pods.join(", "));
    let warned = warnings.iter().map(|(why, pods)| told(why, pods));
    plan.warnings = warned.collect();
    let refused = refusals.iter().map(|(why, pods)| told(why, pods));
    plan.refusals = refused.map(|why| format!("cannot delete {why}")).collect();
    plan
}

/// `NAMESPACE/NAME`.
pub(super) fn name(pod: &Pod) -> String {
    let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", text(namespace), text(name))
}

/// The daemon set that a pod belongs to, by name.
pub(super) fn daemon_set(pod: &Pod) -> Option<&str> {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let controller = owners.find(|owner| owner.controller == Some(true))?;
    let is_daemon_set = controller.kind == "DaemonSet" && controller.api_version == "apps/v1";
    is_daemon_set.then_some(controller.name.as_str())
}

/// Whether it has ended: nobody misses it.
pub(super) fn has_ended(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn verdict(pod: &Pod, permitted: Permitted, is_orphan: bool) -> Verdict {
    let has_ended = has_ended(pod);
    if let Some(set) = daemon_set(pod).filter(|_| !has_ended) {
        match (is_orphan, permitted) {
            (true, Permitted { force: true, .. }) => {}
            (true, _) => {
                return Verdict::Refused(format!("daemonsets.apps {set:?} not found").into());
            }
            (
                false,
                Permitted {
                    ignore_daemon_sets: true,
                    ..
                },
            ) => {
                return Verdict::Stays(Some(DAEMON_SET_WARNING));
            }
            (false, _) => return Verdict::Refused(DAEMON_SET_FATAL.into()),
        }
    }
    let annotations = pod.metadata.annotations.as_ref();
    if annotations.is_some_and(|all| all.contains_key(MIRROR)) {
        return Verdict::Stays(None);
    }
    if has_ended {
        return Verdict::Goes(None);
    }
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let mut volumes = volumes.into_iter().flatten();
    let has_data = volumes.any(|volume| volume.empty_dir.is_some());
    if has_data && !permitted.empty_dir_data {
        return Verdict::Refused(LOCAL_STORAGE_FATAL.into());
    }
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let is_managed = owners.any(|owner| owner.controller == Some(true));
    match (is_managed, permitted.force) {
        (false, false) => Verdict::Refused(UNMANAGED_FATAL.into()),
        (false, true) => Verdict::Goes(Some(UNMANAGED_WARNING)),
        (true, _) => Verdict::Goes(has_data.then_some(LOCAL_STORAGE_WARNING)),
    }
}
