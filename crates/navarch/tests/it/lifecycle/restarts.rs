//! Restart policies, back-off, init containers, probes, termination messages.

use crate::cluster::{Cluster, Kubectl};

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: crasher}
spec:
  containers:
  - {name: main, image: busybox:test, command: [sh, -c, 'exit 7']}
---
apiVersion: v1
kind: Pod
metadata: {name: completed}
spec:
  restartPolicy: OnFailure
  containers:
  - {name: main, image: busybox:test, command: ['true']}
---
apiVersion: v1
kind: Pod
metadata: {name: failed}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:test
    command: [sh, -c, 'echo -n the reason > /dev/termination-log; exit 9']
---
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:test
    terminationMessagePolicy: FallbackToLogsOnError
    command: [sh, -c, 'echo last words; exit 1']
---
apiVersion: v1
kind: Pod
metadata: {name: initial}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: v, emptyDir: {}}]
  initContainers:
  - {name: one, image: busybox:test, command: [sh, -c, 'echo one >> /v/order'], volumeMounts: [{name: v, mountPath: /v}]}
  - {name: two, image: busybox:test, command: [sh, -c, 'echo two >> /v/order'], volumeMounts: [{name: v, mountPath: /v}]}
  containers:
  - {name: main, image: busybox:test, command: [sh, -c, 'cat /v/order; exec sleep 3600'], volumeMounts: [{name: v, mountPath: /v}]}
---
apiVersion: v1
kind: Pod
metadata: {name: init-fails}
spec:
  restartPolicy: Never
  initContainers:
  - {name: one, image: busybox:test, command: ['false']}
  containers:
  - {name: main, image: busybox:test, command: [sleep, '3600']}
---
apiVersion: v1
kind: Pod
metadata: {name: unwell}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:test
    command: [sh, -c, 'sleep 2; touch /unwell; exec sleep 3600']
    livenessProbe: {exec: {command: [sh, -c, '! [ -e /unwell ]']}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: slow}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:test
    command: [sh, -c, 'sleep 2; exec httpd -f -p 8080 -h /www']
    startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1, failureThreshold: 60}
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: imageless}
spec:
  containers:
  - {name: main, image: 'nowhere.invalid/none:1', imagePullPolicy: Never}
---
apiVersion: v1
kind: Pod
metadata: {name: misnamed}
spec:
  containers:
  - {name: main, image: 'Not An Image'}
---
apiVersion: v1
kind: Pod
metadata: {name: misconfigured}
spec:
  containers:
  - {name: main, image: busybox:test, command: [sleep, '3600'], envFrom: [{configMapRef: {name: none}}]}
";

#[test]
fn containers_end_restart_and_wait_as_their_pods_say() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(PODS);
    ended(&kubectl);
    initial(&kubectl);
    waiting(&kubectl);
    probed(&kubectl);
}

/// The STATUS column of `kubectl get pod`.
fn status(kubectl: &Kubectl, pod: &str) -> String {
    let row = kubectl.ok(&format!("get pod {pod} --no-headers"));
    row.split_whitespace().nth(2).unwrap_or("").to_owned()
}

fn ended(kubectl: &Kubectl) {
    let terminated =
        |field: &str| format!("{{.status.containerStatuses[0].state.terminated.{field}}}");
    kubectl.wait_for("pod/completed", "{.status.phase}", "Succeeded");
    assert_eq!(status(kubectl, "completed"), "Completed");
    assert_eq!(kubectl.path("pod/completed", &terminated("exitCode")), "0");
    kubectl.wait_for("pod/failed", "{.status.phase}", "Failed");
    assert_eq!(status(kubectl, "failed"), "Error");
    assert_eq!(
        kubectl.path("pod/failed", &terminated("message")),
        "the reason"
    );
    assert_eq!(kubectl.path("pod/failed", &terminated("exitCode")), "9");
    kubectl.wait_for("pod/talker", "{.status.phase}", "Failed");
    assert_eq!(
        kubectl.path("pod/talker", &terminated("message")),
        "last words\n"
    );
}

fn initial(kubectl: &Kubectl) {
    kubectl.wait("pod/initial", "condition=Ready");
    assert_eq!(kubectl.ok("logs initial"), "one\ntwo\n");
    let reasons = "{.status.initContainerStatuses[*].state.terminated.reason}";
    assert_eq!(kubectl.path("pod/initial", reasons), "Completed Completed");
    kubectl.wait_for("pod/init-fails", "{.status.phase}", "Failed");
    assert_eq!(status(kubectl, "init-fails"), "Init:Error");
    let main = "{.status.containerStatuses[0].state.waiting.reason}";
    assert_eq!(kubectl.path("pod/init-fails", main), "PodInitializing");
}

fn waiting(kubectl: &Kubectl) {
    let waiting = "{.status.containerStatuses[0].state.waiting.reason}";
    for (pod, reason) in [
        ("crasher", "CrashLoopBackOff"),
        ("imageless", "ErrImageNeverPull"),
        ("misnamed", "InvalidImageName"),
        ("misconfigured", "CreateContainerConfigError"),
    ] {
        kubectl.wait_for(&format!("pod/{pod}"), waiting, reason);
        assert_eq!(status(kubectl, pod), reason);
    }
    let message = kubectl.path(
        "pod/crasher",
        "{.status.containerStatuses[0].state.waiting.message}",
    );
    assert!(
        message.starts_with("back-off ")
            && message.contains("restarting failed container=main pod=crasher_default("),
        "{message}"
    );
    let last = "{.status.containerStatuses[0].lastState.terminated.exitCode}";
    assert_eq!(kubectl.path("pod/crasher", last), "7");
    // What was missing comes, and the pod goes on.
    kubectl.ok("create configmap none --from-literal=K=v");
    kubectl.wait("pod/misconfigured", "condition=Ready");
    assert_eq!(kubectl.ok("exec misconfigured -- sh -c 'echo $K'"), "v\n");
    kubectl.ok("delete pod misconfigured --grace-period=0 --force");
}

fn probed(kubectl: &Kubectl) {
    kubectl.wait_for(
        "pod/unwell",
        "{.status.containerStatuses[0].restartCount}",
        "1",
    );
    let killed = kubectl.path(
        "pod/unwell",
        "{.status.containerStatuses[0].lastState.terminated.exitCode}",
    );
    assert_eq!(killed, "137");
    let events = kubectl.ok(
        "get events --field-selector involvedObject.name=unwell -o 'jsonpath={.items[*].reason}'",
    );
    for wanted in ["Unhealthy", "Killing"] {
        assert!(events.contains(wanted), "no {wanted} in {events}");
    }
    kubectl.wait("pod/slow", "condition=Ready");
    assert_eq!(
        kubectl.path("pod/slow", "{.status.containerStatuses[0].restartCount}"),
        "0"
    );
    assert_eq!(
        kubectl.path("pod/slow", "{.status.containerStatuses[0].started}"),
        "true"
    );
}
