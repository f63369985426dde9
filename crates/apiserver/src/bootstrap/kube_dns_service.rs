//! The service `kube-dns`: by its address programs in pods find cluster DNS. It selects no pods, for every node answers for itself;
//! whoever runs another DNS gives it a selector.

use navarch_api::call::Endpoint;
use serde_json::json;

use crate::ApiServer;

/// Makes the service where it is missing. A cluster in which its address is another's works without.
pub(super) async fn ensure(server: &ApiServer, me: &dyn Endpoint) {
    let Some(address) = server.cluster_dns else {
        return;
    };
    let labels = json!({
        "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS",
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {
            "type": "ClusterIP", "clusterIP": address.to_string(),
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
            ],
        },
    });
    let namespace = Some("kube-system");
    if let Err(error) = super::ensure(me, "", "services", namespace, "kube-dns", service).await {
        tracing::warn!(%error, "the service kube-dns");
    }
}
