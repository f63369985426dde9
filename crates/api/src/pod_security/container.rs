//! Containers of all three sorts, seen alike: no check can leave one sort out.

use k8s_openapi::api::core::v1::{ContainerPort, Lifecycle, PodSpec, Probe, SecurityContext};

use crate::pod::absent::{items, text};

/// What the checks look at of a container, an init container or an ephemeral container.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) security: Option<&'a SecurityContext>,
    pub(super) ports: &'a [ContainerPort],
    pub(super) probes: [Option<&'a Probe>; 3],
    pub(super) lifecycle: Option<&'a Lifecycle>,
}

macro_rules! view {
    ($container:expr) => {
        View {
            name: &$container.name,
            image: text(&$container.image),
            security: $container.security_context.as_ref(),
            ports: items(&$container.ports),
            probes: [
                $container.liveness_probe.as_ref(),
                $container.readiness_probe.as_ref(),
                $container.startup_probe.as_ref(),
            ],
            lifecycle: $container.lifecycle.as_ref(),
        }
    };
}

/// The init containers.
pub(super) fn init(spec: &PodSpec) -> impl Iterator<Item = View<'_>> {
    items(&spec.init_containers).iter().map(|it| view!(it))
}

/// The containers proper.
pub(super) fn main(spec: &PodSpec) -> impl Iterator<Item = View<'_>> {
    spec.containers.iter().map(|it| view!(it))
}

/// The ephemeral containers.
pub(super) fn ephemeral(spec: &PodSpec) -> impl Iterator<Item = View<'_>> {
    items(&spec.ephemeral_containers).iter().map(|it| view!(it))
}

/// All of them, in the order in which Kubernetes visits them.
pub(super) fn all(spec: &PodSpec) -> impl Iterator<Item = View<'_>> {
    init(spec).chain(main(spec)).chain(ephemeral(spec))
}

/// The names of those of which something holds.
pub(super) fn names<'a>(spec: &'a PodSpec, holds: impl Fn(&View<'a>) -> bool) -> Vec<&'a str> {
    all(spec).filter(holds).map(|it| it.name).collect()
}
