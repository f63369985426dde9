//! How much policies may be on a node. Anybody who may write policies in a namespace writes as many as they like, and every node with a pod
//! there plans them and holds them in its kernel. What is more is not in part: the pods are isolated, and allowed nothing.

/// Of one namespace: rules, and the peers, exceptions and ports in them. Planning takes time by these.
pub(crate) const OF_NAMESPACE: usize = 1 << 15;
/// Of one pod in a direction: the identities that may something with it, and the ranges of addresses. A range takes some 950 octets.
pub(crate) const OF_POD: usize = 1 << 14;
/// Of all pods of a node, and the ranges of ports in them. The pods that take least come first.
pub(crate) const OF_NODE: usize = 1 << 18;
/// How many ranges of ports are put together for the ranges of addresses of a pod: many blocks that lie over each other, each with ports of
/// its own, are cut into pieces each of which has all of them.
pub(crate) const WORK: usize = 1 << 20;
/// How often it is looked whether a rule of a pod's policies names an identity.
pub(crate) const LOOKS: usize = 1 << 24;
