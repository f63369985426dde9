//! What a pod names, and its node therefore has to see.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, Pod, PodSpec, Volume};

use navarch_api::pod::secret_names;

use super::MIRROR_POD;
use super::graph::Kind;

/// One object that is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// What it is.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl Need {
    pub(super) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// What a pod names, each once and in order: its account, secrets, config maps and claims. Nothing, if its node reported it.
pub fn needs(namespace: &str, pod: &Pod) -> Vec<Need> {
    let annotations = pod.metadata.annotations.as_ref();
    let is_mirror = annotations.is_some_and(|all| all.contains_key(MIRROR_POD));
    let Some(spec) = pod.spec.as_ref().filter(|_| !is_mirror) else {
        return Vec::new();
    };
    let mut named = BTreeSet::new();
    let mut add = |kind, name: Option<&str>| {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            named.insert(Need::new(kind, namespace, name));
        }
    };
    add(Kind::ServiceAccount, spec.service_account_name.as_deref());
    for secret in secret_names(spec) {
        add(Kind::Secret, Some(secret));
    }
    of_containers(spec, &mut add);
    for volume in spec.volumes.iter().flatten() {
        of_volume(pod, volume, &mut add);
    }
    of_claims(pod, spec, &mut add);
    named.into_iter().collect()
}

type Add<'a> = dyn FnMut(Kind, Option<&str>) + 'a;

fn of_containers(spec: &PodSpec, add: &mut Add<'_>) {
    let of = |container: &Container, add: &mut Add<'_>| {
        of_environment(&container.env, &container.env_from, add);
    };
    spec.containers.iter().for_each(|it| of(it, add));
    let init = spec.init_containers.iter().flatten();
    init.for_each(|it| of(it, add));
    for container in spec.ephemeral_containers.iter().flatten() {
        of_environment(&container.env, &container.env_from, add);
    }
}

fn of_environment(
    env: &Option<Vec<EnvVar>>,
    env_from: &Option<Vec<EnvFromSource>>,
    add: &mut Add<'_>,
) {
    for from in env_from.iter().flatten() {
        let map = from.config_map_ref.as_ref();
        add(Kind::ConfigMap, map.map(|it| &*it.name));
    }
    for from in env.iter().flatten().filter_map(|it| it.value_from.as_ref()) {
        let map = from.config_map_key_ref.as_ref();
        add(Kind::ConfigMap, map.map(|it| &*it.name));
    }
}

fn of_volume(pod: &Pod, volume: &Volume, add: &mut Add<'_>) {
    let map = volume.config_map.as_ref();
    add(Kind::ConfigMap, map.map(|it| &*it.name));
    let sources = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
    for source in sources.into_iter().flatten() {
        let map = source.config_map.as_ref();
        add(Kind::ConfigMap, map.map(|it| &*it.name));
    }
    let claim = volume.persistent_volume_claim.as_ref();
    add(Kind::Claim, claim.map(|it| &*it.claim_name));
    if volume.ephemeral.is_some() {
        // The claim that is made for it.
        let pod = pod.metadata.name.as_deref().unwrap_or_default();
        add(Kind::Claim, Some(&format!("{pod}-{}", volume.name)));
    }
}

fn of_claims(pod: &Pod, spec: &PodSpec, add: &mut Add<'_>) {
    let status = pod.status.as_ref();
    let made = status.and_then(|status| status.resource_claim_statuses.as_ref());
    for claim in spec.resource_claims.iter().flatten() {
        let of_template = made.into_iter().flatten().find(|it| it.name == claim.name);
        let name = match &claim.resource_claim_name {
            Some(name) => Some(name),
            None => of_template.and_then(|it| it.resource_claim_name.as_ref()),
        };
        add(Kind::ResourceClaim, name.map(String::as_str));
    }
    let extended = status.and_then(|status| status.extended_resource_claim_status.as_ref());
    add(
        Kind::ResourceClaim,
        extended.map(|it| &*it.resource_claim_name),
    );
}
