//! What nodes may do: each sees its own object, its own pods, and what these need. It follows Kubernetes' node authorizer.
//!
//! [`NodeGraph`] knows what the pods of each node need; [`decide`] asks it. The rest that a node may do is in rules that are the
//! same for all nodes: those of the role `system:node`.

mod decide;
mod graph;
mod pod_needs;
mod volume_secrets;

pub use decide::decide;
pub use graph::{Kind, NodeGraph};
pub use pod_needs::{Need, needs};

/// The annotation of pods that a node itself has reported. They give the node nothing.
pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";

#[cfg(test)]
mod tests;
