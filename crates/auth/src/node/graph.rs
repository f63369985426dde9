//! What nodes need, by what their pods name: kept by the events of pods, volumes, attachments and device slices.

use std::collections::{HashMap, HashSet};

use k8s_openapi::api::core::v1::{PersistentVolume, Pod};

use super::pod_needs::{Need, needs};
use super::volume_secrets::secrets;

/// What an object is that a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A secret.
    Secret,
    /// A config map.
    ConfigMap,
    /// A service account.
    ServiceAccount,
    /// A persistent volume claim.
    Claim,
    /// A claim of devices.
    ResourceClaim,
    /// A pod.
    Pod,
    /// A persistent volume.
    Volume,
    /// A volume attachment.
    Attachment,
    /// A slice of a node's devices.
    ResourceSlice,
}

/// Namespace and name; the namespace is empty in cluster scope.
type Place = (Box<str>, Box<str>);

#[derive(Debug)]
struct OfPod {
    node: Box<str>,
    needs: Vec<Need>,
}

#[derive(Debug)]
struct OfVolume {
    claim: Place,
    secrets: Vec<Place>,
}

/// Who needs what.
#[derive(Debug, Default)]
pub struct NodeGraph {
    pods: HashMap<Place, OfPod>,
    /// What pods need: by how many pods of which node.
    needed: HashMap<Need, HashMap<Box<str>, usize>>,
    volumes: HashMap<Box<str>, OfVolume>,
    /// The volumes that the node needs which needs their claim, by secret.
    by_secret: HashMap<Place, HashSet<Box<str>>>,
    attachments: HashMap<Box<str>, Box<str>>,
    slices: HashMap<Box<str>, Box<str>>,
}

impl NodeGraph {
    /// Takes in a pod, in the place of the one of that name.
    pub fn put_pod(&mut self, namespace: &str, name: &str, pod: &Pod) {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let Some(node) = node.filter(|node| !node.is_empty()) else {
            return self.remove_pod(namespace, name);
        };
        let needs = needs(namespace, pod);
        let place = (namespace.into(), name.into());
        // Most changes of a pod are of its status.
        if let Some(there) = self.pods.get(&place)
            && *there.node == *node
            && there.needs == needs
        {
            return;
        }
        self.remove_pod(namespace, name);
        for need in &needs {
            let nodes = self.needed.entry(need.clone()).or_default();
            *nodes.entry(node.into()).or_default() += 1;
        }
        let node = node.into();
        self.pods.insert(place, OfPod { node, needs });
    }

    /// Lets go of a pod.
    pub fn remove_pod(&mut self, namespace: &str, name: &str) {
        let Some(pod) = self.pods.remove(&(namespace.into(), name.into())) else {
            return;
        };
        for need in &pod.needs {
            let Some(nodes) = self.needed.get_mut(need) else {
                continue;
            };
            if let Some(pods) = nodes.get_mut(&pod.node) {
                *pods -= 1;
                if *pods == 0 {
                    nodes.remove(&pod.node);
                }
            }
            if nodes.is_empty() {
                self.needed.remove(need);
            }
        }
    }

    /// Takes in a volume, which goes where its claim goes.
    pub fn put_volume(&mut self, name: &str, volume: &PersistentVolume) {
        self.remove_volume(name);
        let spec = volume.spec.as_ref();
        let Some(claim) = spec.and_then(|spec| spec.claim_ref.as_ref()) else {
            return;
        };
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        let secrets = secrets(volume);
        for secret in &secrets {
            let volumes = self.by_secret.entry(secret.clone()).or_default();
            volumes.insert(name.into());
        }
        let of = OfVolume {
            claim: (text(&claim.namespace), text(&claim.name)),
            secrets,
        };
        self.volumes.insert(name.into(), of);
    }

    /// Lets go of a volume.
    pub fn remove_volume(&mut self, name: &str) {
        let Some(volume) = self.volumes.remove(name) else {
            return;
        };
        for secret in &volume.secrets {
            if let Some(volumes) = self.by_secret.get_mut(secret) {
                volumes.remove(name);
                if volumes.is_empty() {
                    self.by_secret.remove(secret);
                }
            }
        }
    }

    /// Takes in which node something of a kind is for: an attachment, or a slice of devices. Empty: for none.
    pub fn put_of_node(&mut self, kind: Kind, name: &str, node: &str) {
        self.remove_of_node(kind, name);
        if let Some(all) = self.of_nodes(kind).filter(|_| !node.is_empty()) {
            all.insert(name.into(), node.into());
        }
    }

    /// Lets go of it.
    pub fn remove_of_node(&mut self, kind: Kind, name: &str) {
        if let Some(all) = self.of_nodes(kind) {
            all.remove(name);
        }
    }

    fn of_nodes(&mut self, kind: Kind) -> Option<&mut HashMap<Box<str>, Box<str>>> {
        match kind {
            Kind::Attachment => Some(&mut self.attachments),
            Kind::ResourceSlice => Some(&mut self.slices),
            _ => None,
        }
    }

    /// Whether a node needs an object.
    pub fn needs(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let place = || -> Place { (namespace.into(), name.into()) };
        match kind {
            Kind::Pod => self
                .pods
                .get(&place())
                .is_some_and(|pod| *pod.node == *node),
            Kind::Volume => self.needs_volume(node, name),
            Kind::Attachment => self.attachments.get(name).is_some_and(|of| **of == *node),
            Kind::ResourceSlice => self.slices.get(name).is_some_and(|of| **of == *node),
            Kind::Secret => {
                self.is_needed(node, &Need::new(kind, namespace, name))
                    || self
                        .by_secret
                        .get(&place())
                        .is_some_and(|volumes| volumes.iter().any(|it| self.needs_volume(node, it)))
            }
            _ => self.is_needed(node, &Need::new(kind, namespace, name)),
        }
    }

    fn needs_volume(&self, node: &str, name: &str) -> bool {
        let volume = self.volumes.get(name);
        volume.is_some_and(|volume| {
            let (namespace, claim) = &volume.claim;
            self.is_needed(node, &Need::new(Kind::Claim, namespace, claim))
        })
    }

    fn is_needed(&self, node: &str, need: &Need) -> bool {
        self.needed
            .get(need)
            .is_some_and(|nodes| nodes.contains_key(node))
    }

    /// How much is kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.pods.len()
            + self.needed.len()
            + self.volumes.len()
            + self.by_secret.len()
            + self.attachments.len()
            + self.slices.len()
    }
}
