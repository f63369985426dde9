//! Deployments: scale, set image, rollout status, history, undo, pause, resume, restart.

use crate::cluster::Cluster;

#[test]
fn a_deployment_is_scaled_rolled_undone_and_paused() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    let image = "{.spec.template.spec.containers[0].image}";
    let make =
        "create deployment web --image=busybox:test --replicas=2 -- httpd -f -p 8080 -h /www";
    assert_eq!(kubectl.ok(make), "deployment.apps/web created\n");
    // Processes that ignore SIGTERM would hold every rollout up for their grace.
    let grace = r#"patch deployment web -p '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":0}}}}'"#;
    kubectl.ok(grace);
    let status = kubectl.ok("rollout status deployment/web --timeout=90s");
    assert!(
        status.ends_with("deployment \"web\" successfully rolled out\n"),
        "{status}"
    );
    kubectl.wait("deployment/web", "condition=Available");

    assert_eq!(
        kubectl.ok("scale deployment web --replicas=4"),
        "deployment.apps/web scaled\n"
    );
    kubectl.wait_for("deployment/web", "{.status.readyReplicas}", "4");
    let table = kubectl.ok("get deployment web --no-headers");
    let columns: Vec<&str> = table.split_whitespace().collect();
    assert_eq!(columns[..4], ["web", "4/4", "4", "4"]);
    let (_, complaint) = kubectl.fails("scale deployment web --replicas=1 --current-replicas=7");
    assert!(
        complaint.contains("Expected replicas to be 7, was 4"),
        "{complaint}"
    );

    kubectl.ok("set image deployment/web busybox=busybox:other");
    kubectl.ok("annotate deployment web kubernetes.io/change-cause=other-image");
    kubectl.ok("rollout status deployment/web --timeout=90s");
    let images = kubectl
        .ok("get pods -l app=web -o 'jsonpath={range .items[*]}{.spec.containers[0].image} {end}'");
    assert!(images.contains("busybox:other"), "{images}");
    let history = kubectl.ok("rollout history deployment/web");
    let revisions: Vec<&str> = history
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        revisions[..2],
        ["deployment.apps/web", "REVISION"],
        "{history}"
    );
    assert_eq!(revisions[2..], ["1", "2", "3"], "{history}");
    assert!(history.contains("other-image"), "{history}");
    let one = kubectl.ok("rollout history deployment/web --revision=2");
    assert!(
        one.contains("Image:") && one.contains("busybox:test"),
        "{one}"
    );

    kubectl.ok("rollout undo deployment/web");
    assert_eq!(kubectl.path("deployment/web", image), "busybox:test");
    kubectl.ok("rollout status deployment/web --timeout=90s");
    let revision = r"{.metadata.annotations.deployment\.kubernetes\.io/revision}";
    assert_eq!(kubectl.path("deployment/web", revision), "4");
    kubectl.ok("rollout undo deployment/web --to-revision=3");
    kubectl.ok("rollout status deployment/web --timeout=90s");
    assert_eq!(kubectl.path("deployment/web", image), "busybox:other");

    kubectl.ok("rollout pause deployment/web");
    kubectl.ok("set image deployment/web busybox=busybox:test");
    kubectl.wait_for(
        "deployment/web",
        r#"{.status.conditions[?(@.reason=="DeploymentPaused")].status}"#,
        "Unknown",
    );
    assert_eq!(
        kubectl.path("deployment/web", "{.status.unavailableReplicas}"),
        ""
    );
    let (_, complaint) = kubectl.fails("rollout restart deployment/web");
    assert!(
        complaint.contains("can't restart paused deployment"),
        "{complaint}"
    );
    kubectl.ok("rollout resume deployment/web");
    kubectl.ok("rollout restart deployment/web");
    kubectl.ok("rollout status deployment/web --timeout=90s");
    kubectl.wait_for("deployment/web", "{.status.updatedReplicas}", "4");

    kubectl.ok("set image deployment/web busybox=nowhere.invalid/none:1");
    let (_, complaint) = kubectl.fails("rollout status deployment/web --timeout=2s");
    assert!(complaint.contains("timed out"), "{complaint}");
    assert_eq!(
        kubectl.path("deployment/web", "{.status.availableReplicas}"),
        "3"
    );
    kubectl.ok("rollout undo deployment/web");
    kubectl.ok("rollout status deployment/web --timeout=90s");

    kubectl.ok("delete deployment web --cascade=foreground --timeout=90s");
    assert_eq!(kubectl.ok("get pods,replicasets -o name"), "");
}
