//! What the parts of a pod spec are checked against.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec, Volume};
use navarch_machinery::field::Path;

use super::absent::{flag, items, text};

/// The spec and what was learned of it on the way.
pub(super) struct Context<'a> {
    /// The spec that is checked.
    pub(super) spec: &'a PodSpec,
    /// Its volumes that are in order, by name.
    pub(super) volumes: BTreeMap<&'a str, &'a Volume>,
    /// The names of its resource claims.
    pub(super) claims: BTreeSet<&'a str>,
    /// The spec of a pod, and not of a template.
    pub(super) is_pod: bool,
}

impl Context<'_> {
    /// Whether the pod's users are the host's.
    pub(super) fn host_users(&self) -> bool {
        self.spec.host_users != Some(false)
    }

    /// Whether containers of the pod are never restarted.
    pub(super) fn is_never_restarted(&self) -> bool {
        text(&self.spec.restart_policy) == "Never"
    }

    /// Whether the pod is in the host's network.
    pub(super) fn host_network(&self) -> bool {
        flag(self.spec.host_network)
    }

    /// The name of the operating system, if it is stated.
    pub(super) fn os(&self) -> Option<&str> {
        self.spec.os.as_ref().map(|os| os.name.as_str())
    }
}

/// All containers with their paths: init containers, containers, ephemeral containers.
pub(super) fn containers<'a>(spec: &'a PodSpec, path: &Path) -> Vec<(Path, Cow<'a, Container>)> {
    let at = |list: &str, index: usize| path.child(list).index(index);
    let init = items(&spec.init_containers).iter().enumerate();
    let main = spec.containers.iter().enumerate();
    let ephemeral = items(&spec.ephemeral_containers).iter().enumerate();
    init.map(|(i, c)| (at("initContainers", i), Cow::Borrowed(c)))
        .chain(main.map(|(i, c)| (at("containers", i), Cow::Borrowed(c))))
        .chain(ephemeral.map(|(i, c)| (at("ephemeralContainers", i), Cow::Owned(as_container(c)))))
        .collect()
}

/// An ephemeral container, but for its target.
pub fn as_container(container: &EphemeralContainer) -> Container {
    let it = container.clone();
    Container {
        args: it.args,
        command: it.command,
        env: it.env,
        env_from: it.env_from,
        image: it.image,
        image_pull_policy: it.image_pull_policy,
        lifecycle: it.lifecycle,
        liveness_probe: it.liveness_probe,
        name: it.name,
        ports: it.ports,
        readiness_probe: it.readiness_probe,
        resize_policy: it.resize_policy,
        resources: it.resources,
        restart_policy: it.restart_policy,
        restart_policy_rules: it.restart_policy_rules,
        security_context: it.security_context,
        startup_probe: it.startup_probe,
        stdin: it.stdin,
        stdin_once: it.stdin_once,
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        tty: it.tty,
        volume_devices: it.volume_devices,
        volume_mounts: it.volume_mounts,
        working_dir: it.working_dir,
    }
}
