//! What a pod asks of a node, in whole numbers that can be added and compared without parsing.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use navarch_machinery::quantity::Quantity;

/// Amounts of resources: CPU in thousandths, memory and storage in bytes, others in their own unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Thousandths of a CPU.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Extended resources and huge pages, by name.
    pub other: BTreeMap<String, i64>,
}

impl Amounts {
    /// From a resource list. What cannot be read counts as nothing: validation has seen it before.
    pub fn of(list: Option<&BTreeMap<String, ApiQuantity>>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in list.into_iter().flatten() {
            let Ok(quantity) = Quantity::try_from(quantity) else {
                continue;
            };
            match name.as_str() {
                "cpu" => amounts.cpu = quantity.milli_value(),
                "memory" => amounts.memory = quantity.value(),
                "ephemeral-storage" => amounts.ephemeral_storage = quantity.value(),
                "pods" => {}
                _ => {
                    amounts.other.insert(name.clone(), quantity.value());
                }
            }
        }
        amounts
    }

    /// Adds others, or takes them away again (`sign` -1).
    pub fn add(&mut self, others: &Self, sign: i64) {
        self.cpu = self.cpu.saturating_add(sign * others.cpu);
        self.memory = self.memory.saturating_add(sign * others.memory);
        self.ephemeral_storage = self
            .ephemeral_storage
            .saturating_add(sign * others.ephemeral_storage);
        for (name, amount) in &others.other {
            let sum = self.other.entry(name.clone()).or_insert(0);
            *sum = sum.saturating_add(sign * amount);
        }
        self.other.retain(|_, amount| *amount != 0);
    }

    /// Raises each amount to at least that of `others`.
    fn raise(&mut self, others: &Self) {
        self.cpu = self.cpu.max(others.cpu);
        self.memory = self.memory.max(others.memory);
        self.ephemeral_storage = self.ephemeral_storage.max(others.ephemeral_storage);
        for (name, amount) in &others.other {
            let most = self.other.entry(name.clone()).or_insert(0);
            *most = (*most).max(*amount);
        }
    }
}

/// What the pod needs to be reserved: all containers together, or the neediest moment of its initialization if that is more; and its overhead.
/// As <https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers>.
pub fn of_pod(spec: &PodSpec) -> Amounts {
    sum(spec, of_container)
}

/// What a pod that has a node holds of it. While its resources are being changed that is the most of what it asks for, what its node
/// has given it, and what it has.
pub fn held(pod: &Pod) -> Amounts {
    let (Some(spec), Some(status)) = (&pod.spec, &pod.status) else {
        return pod.spec.as_ref().map(of_pod).unwrap_or_default();
    };
    let told = |name: &str| {
        let all = [&status.container_statuses, &status.init_container_statuses];
        (all.into_iter().flatten().flatten()).find(|s| s.name == name && s.resources.is_some())
    };
    sum(spec, |container| match told(&container.name) {
        Some(status) => holds(container, status),
        None => of_container(container),
    })
}

fn holds(container: &Container, status: &ContainerStatus) -> Amounts {
    let requests = |resources: &Option<ResourceRequirements>| {
        resources.as_ref().and_then(|r| r.requests.clone())
    };
    let mut most = of_container(container);
    let asked = requests(&container.resources);
    // Most of the time all three are the same.
    for other in [&status.allocated_resources, &requests(&status.resources)] {
        if *other != asked {
            most.raise(&Amounts::of(other.as_ref()));
        }
    }
    most
}

fn sum(spec: &PodSpec, of_container: impl Fn(&Container) -> Amounts) -> Amounts {
    let mut total = Amounts::default();
    for container in &spec.containers {
        total.add(&of_container(container), 1);
    }
    let mut sidecars = Amounts::default();
    let mut initialization = Amounts::default();
    for container in spec.init_containers.iter().flatten() {
        let needs = of_container(container);
        if container.restart_policy.as_deref() == Some("Always") {
            total.add(&needs, 1);
            sidecars.add(&needs, 1);
            initialization.raise(&sidecars);
        } else {
            let mut moment = sidecars.clone();
            moment.add(&needs, 1);
            initialization.raise(&moment);
        }
    }
    total.raise(&initialization);
    if let Some(whole) = spec
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref())
    {
        let stated = Amounts::of(Some(whole));
        if whole.contains_key("cpu") {
            total.cpu = stated.cpu;
        }
        if whole.contains_key("memory") {
            total.memory = stated.memory;
        }
    }
    total.add(&Amounts::of(spec.overhead.as_ref()), 1);
    total
}

fn of_container(container: &Container) -> Amounts {
    Amounts::of(
        container
            .resources
            .as_ref()
            .and_then(|resources| resources.requests.as_ref()),
    )
}

/// What scoring assumes of a pod that asks for nothing, so that such pods spread as well: Kubernetes' 100m and 200Mi a container.
pub fn assumed(spec: &PodSpec, asked: &Amounts) -> (i64, i64) {
    let containers = i64::try_from(spec.containers.len()).unwrap_or(1);
    let or = |amount: i64, assumed: i64| {
        if amount == 0 {
            assumed * containers
        } else {
            amount
        }
    };
    (or(asked.cpu, 100), or(asked.memory, 200 << 20))
}
