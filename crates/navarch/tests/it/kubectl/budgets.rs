//! Disruption budgets: evictions keep to them.

use crate::cluster::Cluster;

const OBJECTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: busybox:test, command: [httpd, -f, -p, '8080', -h, /www]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
";

#[test]
fn one_pod_after_the_other_is_evicted() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(OBJECTS);
    kubectl.wait("deployment/web", "condition=Available");
    kubectl.wait_for("pdb/web", "{.status.disruptionsAllowed}", "1");
    // Nobody has changed the deployment since.
    assert_eq!(
        kubectl.path("deployment/web", "{.metadata.generation}"),
        "1"
    );
    // No pod can come in the place of one that goes, so that the second stays.
    kubectl.ok("cordon -l kubernetes.io/os=linux");
    let names = kubectl.ok("get pods -l app=web -o 'jsonpath={.items[*].metadata.name}'");
    let names: Vec<&str> = names.split_whitespace().collect();
    let evict = |name: &str| {
        let eviction = format!(
            r#"{{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {{"name": "{name}", "namespace": "default"}}}}"#
        );
        let path = format!("create --raw /api/v1/namespaces/default/pods/{name}/eviction -f -");
        let output = kubectl.run_with(&path, &eviction);
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (first, complaint) = evict(names[0]);
    assert!(first, "{complaint}");
    kubectl.wait_for("pdb/web", "{.status.currentHealthy}", "1");
    let (second, complaint) = evict(names[1]);
    assert!(!second);
    assert!(complaint.contains("disruption budget"), "{complaint}");
    kubectl.ok("uncordon -l kubernetes.io/os=linux");
    kubectl.wait_for("pdb/web", "{.status.disruptionsAllowed}", "1");
    let (third, complaint) = evict(names[1]);
    assert!(third, "{complaint}");
}
