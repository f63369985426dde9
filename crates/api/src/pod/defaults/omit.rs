//! What Kubernetes' encoding leaves out of a pod: what is empty where nothing would say the same.

use k8s_openapi::api::core::v1::{
    Affinity, Container, EphemeralContainer, PodAffinityTerm, PodSpec, Probe, ResourceRequirements,
    SecurityContext, Toleration, Volume,
};

use super::super::absent::items_mut;
use super::super::context::as_container;
use crate::empty::drop_empty;

/// Takes out of a spec what is empty.
pub(super) fn omit_spec(spec: &mut PodSpec) {
    [
        &mut spec.host_ipc,
        &mut spec.host_network,
        &mut spec.host_pid,
    ]
    .into_iter()
    .for_each(drop_empty);
    let texts = [
        &mut spec.dns_policy,
        &mut spec.hostname,
        &mut spec.node_name,
        &mut spec.priority_class_name,
        &mut spec.restart_policy,
        &mut spec.scheduler_name,
        &mut spec.service_account,
        &mut spec.service_account_name,
        &mut spec.subdomain,
    ];
    texts.into_iter().for_each(drop_empty);
    drop_empty(&mut spec.ephemeral_containers);
    drop_empty(&mut spec.host_aliases);
    drop_empty(&mut spec.image_pull_secrets);
    drop_empty(&mut spec.init_containers);
    drop_empty(&mut spec.node_selector);
    drop_empty(&mut spec.overhead);
    drop_empty(&mut spec.readiness_gates);
    drop_empty(&mut spec.resource_claims);
    drop_empty(&mut spec.scheduling_gates);
    drop_empty(&mut spec.tolerations);
    drop_empty(&mut spec.topology_spread_constraints);
    drop_empty(&mut spec.volumes);
    spec.containers
        .iter_mut()
        .chain(items_mut(&mut spec.init_containers))
        .for_each(omit_container);
    items_mut(&mut spec.ephemeral_containers)
        .iter_mut()
        .for_each(omit_ephemeral);
    items_mut(&mut spec.tolerations)
        .iter_mut()
        .for_each(omit_toleration);
    items_mut(&mut spec.volumes)
        .iter_mut()
        .for_each(omit_volume);
    spec.affinity.iter_mut().for_each(omit_affinity);
    spec.resources.iter_mut().for_each(omit_resources);
    if let Some(security) = &mut spec.security_context {
        drop_empty(&mut security.supplemental_groups);
        drop_empty(&mut security.sysctls);
    }
}

fn omit_container(container: &mut Container) {
    [
        &mut container.stdin,
        &mut container.stdin_once,
        &mut container.tty,
    ]
    .into_iter()
    .for_each(drop_empty);
    [&mut container.args, &mut container.command]
        .into_iter()
        .for_each(drop_empty);
    let texts = [
        &mut container.image,
        &mut container.image_pull_policy,
        &mut container.termination_message_path,
        &mut container.termination_message_policy,
        &mut container.working_dir,
    ];
    texts.into_iter().for_each(drop_empty);
    drop_empty(&mut container.env);
    drop_empty(&mut container.env_from);
    drop_empty(&mut container.ports);
    drop_empty(&mut container.resize_policy);
    drop_empty(&mut container.restart_policy_rules);
    drop_empty(&mut container.volume_devices);
    drop_empty(&mut container.volume_mounts);
    items_mut(&mut container.env)
        .iter_mut()
        .for_each(|variable| drop_empty(&mut variable.value));
    items_mut(&mut container.env_from)
        .iter_mut()
        .for_each(|source| drop_empty(&mut source.prefix));
    for port in items_mut(&mut container.ports) {
        [&mut port.host_ip, &mut port.name, &mut port.protocol]
            .into_iter()
            .for_each(drop_empty);
        drop_empty(&mut port.host_port);
    }
    for mount in items_mut(&mut container.volume_mounts) {
        [&mut mount.sub_path, &mut mount.sub_path_expr]
            .into_iter()
            .for_each(drop_empty);
        drop_empty(&mut mount.read_only);
    }
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(omit_probe);
    container.resources.iter_mut().for_each(omit_resources);
    container
        .security_context
        .iter_mut()
        .for_each(omit_security);
}

/// The same fields as a container's, but for the target.
fn omit_ephemeral(container: &mut EphemeralContainer) {
    drop_empty(&mut container.target_container_name);
    let mut it = as_container(container);
    omit_container(&mut it);
    *container = EphemeralContainer {
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
        target_container_name: container.target_container_name.take(),
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        tty: it.tty,
        volume_devices: it.volume_devices,
        volume_mounts: it.volume_mounts,
        working_dir: it.working_dir,
    };
}

fn omit_probe(probe: &mut Probe) {
    drop_empty(&mut probe.initial_delay_seconds);
    if let Some(exec) = &mut probe.exec {
        drop_empty(&mut exec.command);
    }
    if let Some(http_get) = &mut probe.http_get {
        drop_empty(&mut http_get.host);
        drop_empty(&mut http_get.http_headers);
    }
    if let Some(tcp_socket) = &mut probe.tcp_socket {
        drop_empty(&mut tcp_socket.host);
    }
}

fn omit_resources(resources: &mut ResourceRequirements) {
    drop_empty(&mut resources.claims);
    drop_empty(&mut resources.limits);
    drop_empty(&mut resources.requests);
}

fn omit_security(security: &mut SecurityContext) {
    if let Some(capabilities) = &mut security.capabilities {
        drop_empty(&mut capabilities.add);
        drop_empty(&mut capabilities.drop);
    }
}

fn omit_toleration(toleration: &mut Toleration) {
    [
        &mut toleration.effect,
        &mut toleration.key,
        &mut toleration.operator,
        &mut toleration.value,
    ]
    .into_iter()
    .for_each(drop_empty);
}

fn omit_volume(volume: &mut Volume) {
    if let Some(dir) = &mut volume.empty_dir {
        drop_empty(&mut dir.medium);
    }
    if let Some(secret) = &mut volume.secret {
        drop_empty(&mut secret.items);
        drop_empty(&mut secret.secret_name);
    }
    if let Some(config_map) = &mut volume.config_map {
        drop_empty(&mut config_map.items);
    }
    if let Some(claim) = &mut volume.persistent_volume_claim {
        drop_empty(&mut claim.read_only);
    }
    for token in volume
        .projected
        .iter_mut()
        .flat_map(|it| items_mut(&mut it.sources))
        .filter_map(|it| it.service_account_token.as_mut())
    {
        drop_empty(&mut token.audience);
    }
}

fn omit_affinity(affinity: &mut Affinity) {
    if let Some(nodes) = &mut affinity.node_affinity {
        drop_empty(&mut nodes.preferred_during_scheduling_ignored_during_execution);
    }
    if let Some(near) = &mut affinity.pod_affinity {
        let (needed, wanted) = (
            &mut near.required_during_scheduling_ignored_during_execution,
            &mut near.preferred_during_scheduling_ignored_during_execution,
        );
        drop_empty(needed);
        drop_empty(wanted);
        items_mut(needed).iter_mut().for_each(omit_term);
        items_mut(wanted)
            .iter_mut()
            .for_each(|weighted| omit_term(&mut weighted.pod_affinity_term));
    }
    if let Some(far) = &mut affinity.pod_anti_affinity {
        let (needed, wanted) = (
            &mut far.required_during_scheduling_ignored_during_execution,
            &mut far.preferred_during_scheduling_ignored_during_execution,
        );
        drop_empty(needed);
        drop_empty(wanted);
        items_mut(needed).iter_mut().for_each(omit_term);
        items_mut(wanted)
            .iter_mut()
            .for_each(|weighted| omit_term(&mut weighted.pod_affinity_term));
    }
}

fn omit_term(term: &mut PodAffinityTerm) {
    drop_empty(&mut term.namespaces);
    drop_empty(&mut term.match_label_keys);
    drop_empty(&mut term.mismatch_label_keys);
}
