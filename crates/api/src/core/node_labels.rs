//! Labels of Kubernetes' own domains that nodes give themselves. All others there are for administrators: work is drawn to nodes by them.

/// Each of these.
pub const OWN_LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
/// All in these domains, and in those below them.
pub const OWN_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Whether the label is in one of Kubernetes' own domains.
pub fn is_kubernetes(label: &str) -> bool {
    within(label, "kubernetes.io") || within(label, "k8s.io")
}

/// Whether a node may give itself the label, which is in one of these domains.
pub fn is_own(label: &str) -> bool {
    OWN_LABELS.contains(&label) || OWN_DOMAINS.iter().any(|domain| within(label, domain))
}

/// Whether the label is in the domain `top` or in one below it.
pub fn within(label: &str, top: &str) -> bool {
    let Some((domain, _)) = label.split_once('/') else {
        return false;
    };
    let below = domain.strip_suffix(top);
    below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
