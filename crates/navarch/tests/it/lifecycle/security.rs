//! What a container may do, and as whom.

use crate::cluster::Cluster;

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [4000]}
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: main
    image: busybox:test
    command: [sleep, '3600']
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: v, mountPath: /v}]
  - name: root
    image: busybox:test
    command: [sleep, '3600']
    securityContext: {runAsUser: 0, capabilities: {drop: [CHOWN]}}
---
apiVersion: v1
kind: Pod
metadata: {name: refused}
spec:
  securityContext: {runAsNonRoot: true}
  containers:
  - {name: main, image: busybox:test, command: [sleep, '3600']}
";

#[test]
fn containers_may_do_what_their_security_context_says() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(PODS);
    kubectl.wait("pod/web", "condition=Ready");
    let main = |script: &str| kubectl.ok(&format!("exec web -c main -- sh -c '{script}'"));
    assert_eq!(main("id -u; id -g"), "1000\n3000\n");
    let groups = main("id -G");
    assert!(
        groups.contains("2000") && groups.contains("4000"),
        "{groups}"
    );
    assert_eq!(main("echo x > /file || echo refused"), "refused\n");
    assert_eq!(main("echo x > /v/file && stat -c %g /v/file"), "2000\n");
    let status = main("grep -E \"CapEff|CapBnd|NoNewPrivs|Seccomp:\" /proc/self/status");
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
            .trim()
    };
    assert_eq!(field("CapEff:"), "0000000000000000");
    assert_eq!(field("CapBnd:"), "0000000000000000");
    assert_eq!(field("NoNewPrivs:"), "1");
    let (code, _) = kubectl.fails("exec web -c root -- sh -c 'touch /f; chown 33 /f'");
    assert_eq!(code, 1);
    assert_eq!(
        kubectl.ok("exec web -c root -- sh -c 'echo x > /file; cat /file; id -u'"),
        "x\n0\n"
    );
    let masked = "head -c 1 /proc/kcore | wc -c; echo 1 > /proc/sys/kernel/panic || echo refused";
    assert_eq!(
        kubectl.ok(&format!("exec web -c root -- sh -c '{masked}'")),
        "0\nrefused\n"
    );
    kubectl.wait_for(
        "pod/refused",
        "{.status.containerStatuses[0].state.waiting.reason}",
        "CreateContainerConfigError",
    );
    let message = kubectl.path(
        "pod/refused",
        "{.status.containerStatuses[0].state.waiting.message}",
    );
    assert!(
        message.contains("container has runAsNonRoot and image will run as root"),
        "{message}"
    );
}
