//! A container of a pod as the runtime is to make it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::{Container, Pod, SecurityContext as Wanted};
use navarch_network::{HostPort, Protocol};
use navarch_runtime::cri::{
    ContainerConfig, Image, Mount, NamespaceMode, SandboxConfig, SecurityContext, UserSpec,
};

use crate::env::expand;
use crate::lifecycle::{IMAGE_ASKED, IMAGE_NAME, IMAGE_REF};
use crate::options::NodeOptions;
use crate::{allocation, pod_files, resources, spec};

/// The annotation of a sandbox that holds the pod's grace period in seconds, for when the pod itself is gone.
pub(crate) const GRACE: &str = "navarch.dev/termination-grace-period";

/// What a container is made from beside its spec.
pub(crate) struct Parts<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) container: &'a Container,
    pub(crate) attempt: u32,
    /// The id of the container whose processes it is to see.
    pub(crate) target: Option<String>,
    pub(crate) image: &'a Image,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) options: &'a NodeOptions,
    pub(crate) node_memory: i64,
}

/// The container. Error: what `CreateContainerConfigError` tells.
pub(crate) fn container_config(parts: Parts<'_>) -> Result<ContainerConfig, String> {
    let Parts {
        pod,
        container,
        attempt,
        target,
        image,
        env,
        mut mounts,
        options,
        node_memory,
    } = parts;
    mounts.extend(pod_files::mounts(pod, container, options));
    let termination = termination_log(pod, container, attempt, options);
    mounts.push(Mount {
        host_path: termination.clone(),
        container_path: container
            .termination_message_path
            .clone()
            .unwrap_or_else(|| "/dev/termination-log".into())
            .into(),
        ..Mount::default()
    });
    let known = |name: &str| {
        env.iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    let expanded = |list: &Option<Vec<String>>| {
        list.iter()
            .flatten()
            .map(|text| expand(text, known))
            .collect::<Vec<_>>()
    };
    Ok(ContainerConfig {
        name: container.name.clone(),
        target,
        attempt,
        image: image.id.clone(),
        command: expanded(&container.command),
        args: expanded(&container.args),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        mounts,
        devices: Vec::new(),
        log_path: PathBuf::from(&container.name).join(format!("{attempt}.log")),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        tty: container.tty == Some(true),
        resources: resources::container_resources(pod, container, node_memory),
        security: security(pod, container, options)?,
        termination_message_host_path: Some(termination),
        labels: labels(pod, Some(container)),
        annotations: image_notes(container, image)
            .into_iter()
            .chain([allocation::note(container.resources.as_ref())])
            .collect(),
        env,
    })
}

/// Where a container's termination message is on the host.
pub(crate) fn termination_log(
    pod: &Pod,
    container: &Container,
    attempt: u32,
    options: &NodeOptions,
) -> PathBuf {
    options
        .pod_dir(spec::uid(pod))
        .join("containers")
        .join(&container.name)
        .join(format!("{attempt}"))
}

fn image_notes(container: &Container, image: &Image) -> BTreeMap<String, String> {
    let asked = container.image.clone().unwrap_or_default();
    let name = image
        .tags
        .iter()
        .find(|tag| tag.ends_with(&asked))
        .or(image.tags.first())
        .unwrap_or(&asked);
    let digest = image.digests.first().unwrap_or(&image.id);
    BTreeMap::from([
        (IMAGE_NAME.to_owned(), name.clone()),
        (IMAGE_ASKED.to_owned(), asked.clone()),
        (IMAGE_REF.to_owned(), digest.clone()),
    ])
}

fn labels(pod: &Pod, container: Option<&Container>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (
            "io.kubernetes.pod.name".to_owned(),
            spec::name(pod).to_owned(),
        ),
        (
            "io.kubernetes.pod.namespace".to_owned(),
            spec::namespace(pod).to_owned(),
        ),
        (
            "io.kubernetes.pod.uid".to_owned(),
            spec::uid(pod).to_owned(),
        ),
    ]);
    if let Some(container) = container {
        labels.insert(
            "io.kubernetes.container.name".to_owned(),
            container.name.clone(),
        );
    }
    labels
}

fn id(value: i64, what: &str) -> Result<u32, String> {
    u32::try_from(value).map_err(|_| format!("{what} {value} is out of range"))
}

fn security(
    pod: &Pod,
    container: &Container,
    options: &NodeOptions,
) -> Result<SecurityContext, String> {
    let none = Wanted::default();
    let own = container.security_context.as_ref().unwrap_or(&none);
    let shared = spec::spec(pod).security_context.clone().unwrap_or_default();
    let uid = own
        .run_as_user
        .or(shared.run_as_user)
        .map(|v| id(v, "runAsUser"))
        .transpose()?;
    let gid = own
        .run_as_group
        .or(shared.run_as_group)
        .map(|v| id(v, "runAsGroup"))
        .transpose()?;
    let non_root = own.run_as_non_root.or(shared.run_as_non_root) == Some(true);
    if non_root && uid == Some(0) {
        let pod = spec::full_name(pod);
        return Err(format!(
            "container's runAsUser breaks non-root policy (pod: \"{pod}\", container: {})",
            container.name
        ));
    }
    let groups = shared
        .supplemental_groups
        .iter()
        .flatten()
        .chain(shared.fs_group.iter());
    let profile = own
        .seccomp_profile
        .as_ref()
        .or(shared.seccomp_profile.as_ref());
    let privileged = own.privileged == Some(true);
    let capabilities = own.capabilities.clone().unwrap_or_default();
    Ok(SecurityContext {
        privileged,
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
        user: if uid.is_none() && gid.is_none() {
            UserSpec::Image
        } else {
            UserSpec::Ids { uid, gid }
        },
        run_as_non_root: non_root,
        supplemental_groups: groups.map(|v| id(*v, "group")).collect::<Result<_, _>>()?,
        strict_groups: shared.supplemental_groups_policy.as_deref() == Some("Strict"),
        readonly_rootfs: own.read_only_root_filesystem == Some(true),
        no_new_privs: own.allow_privilege_escalation == Some(false),
        seccomp_profile: match profile.map(|p| {
            (
                p.type_.as_str(),
                p.localhost_profile.as_deref().unwrap_or(""),
            )
        }) {
            Some(("Unconfined", _)) => "Unconfined".into(),
            Some(("Localhost", path)) => localhost_profile(path, options)?,
            // The kubelet's own default is Unconfined; this node defaults to the safer one.
            _ if privileged => "Unconfined".into(),
            _ => "RuntimeDefault".into(),
        },
        unmasked_proc: own.proc_mount.as_deref() == Some("Unmasked"),
    })
}

fn localhost_profile(path: &str, options: &NodeOptions) -> Result<String, String> {
    let relative = std::path::Path::new(path);
    let plain = relative
        .components()
        .all(|c| matches!(c, std::path::Component::Normal(_)));
    if !plain || path.is_empty() {
        return Err(format!(
            "seccomp profile {path:?} must be a relative path without .."
        ));
    }
    Ok(options
        .data_dir
        .join("seccomp")
        .join(relative)
        .to_string_lossy()
        .into_owned())
}

/// The pod's sandbox.
pub(crate) fn sandbox_config(pod: &Pod, attempt: u32, options: &NodeOptions) -> SandboxConfig {
    let spec = spec::spec(pod);
    let mode = |host: Option<bool>, else_: NamespaceMode| {
        if host == Some(true) {
            NamespaceMode::Node
        } else {
            else_
        }
    };
    let alone = if spec.share_process_namespace == Some(true) {
        NamespaceMode::Pod
    } else {
        NamespaceMode::Container
    };
    let sysctls = spec
        .security_context
        .iter()
        .flat_map(|c| c.sysctls.iter().flatten());
    let grace = spec.termination_grace_period_seconds.unwrap_or(30);
    SandboxConfig {
        name: spec::name(pod).to_owned(),
        namespace: spec::namespace(pod).to_owned(),
        uid: spec::uid(pod).to_owned(),
        attempt,
        hostname: if spec::host_network(pod) {
            String::new()
        } else {
            pod_files::hostname(pod, options)
        },
        log_directory: options.log_dir(spec::namespace(pod), spec::name(pod), spec::uid(pod)),
        network: mode(spec.host_network, NamespaceMode::Pod),
        pid: mode(spec.host_pid, alone),
        ipc: mode(spec.host_ipc, NamespaceMode::Pod),
        dns: None,
        sysctls: sysctls.map(|s| (s.name.clone(), s.value.clone())).collect(),
        cgroup_parent: resources::cgroup_parent(pod),
        resources: resources::pod_resources(pod),
        labels: labels(pod, None),
        annotations: BTreeMap::from([
            (GRACE.to_owned(), grace.to_string()),
            allocation::note(spec.resources.as_ref()),
        ]),
    }
}

/// The host's ports that lead to the pod.
pub(crate) fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let sidecars = spec::init_containers(pod)
        .iter()
        .filter(|c| spec::restartable(c));
    let ports = sidecars
        .chain(spec::containers(pod))
        .flat_map(|c| c.ports.iter().flatten());
    ports
        .filter_map(|port| {
            Some(HostPort {
                protocol: match port.protocol.as_deref() {
                    Some("UDP") => Protocol::Udp,
                    Some("SCTP") => Protocol::Sctp,
                    _ => Protocol::Tcp,
                },
                host_ip: port.host_ip.as_deref().and_then(|ip| ip.parse().ok()),
                host_port: u16::try_from(port.host_port?).ok().filter(|p| *p > 0)?,
                container_port: u16::try_from(port.container_port).ok()?,
            })
        })
        .collect()
}
