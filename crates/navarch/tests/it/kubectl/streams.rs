//! What runs through a node's own API: logs, exec, cp, attach, port-forward.

use crate::cluster::{Cluster, Kubectl};

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:test, command: [httpd, -f, -p, '8080', -h, /www]}
  - {name: other, image: busybox:test, command: [sleep, '3600']}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:test
    command: [sh, -c, 'for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done; echo error >&2']
---
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: main
    image: busybox:test
    volumeMounts: [{name: v, mountPath: /v}]
    command: [sh, -c, 'if [ -e /v/once ]; then echo second; exec sleep 3600; fi; touch /v/once; echo first; exit 3']
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: busybox:test, command: [cat], stdin: true, stdinOnce: true}
";

#[test]
fn streams_reach_containers_and_come_back() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(PODS);
    logs(&kubectl);
    kubectl.wait("pod/web", "condition=Ready");
    exec(&kubectl);
    copying(&kubectl, &cluster.data());
    port_forward(&kubectl);
    proxies(&kubectl);
    attach(&kubectl);
}

fn proxies(kubectl: &Kubectl) {
    let path = |what: &str| format!("get --raw /api/v1/namespaces/default/{what}");
    let page = "page of busybox:test\n";
    assert_eq!(kubectl.ok(&path("pods/web:8080/proxy/")), page);
    let pod = "{.subsets[0].addresses[0].targetRef.name}";
    kubectl.wait_for("endpoints/web", pod, "web");
    let of_service = kubectl.ok(&path("services/http:web:80/proxy/index.html"));
    assert_eq!(of_service, page);
    let refused = |what: &str, words: &str| {
        let (_, complaint) = kubectl.fails(&path(what));
        assert!(complaint.contains(words), "{what}: {complaint}");
    };
    refused("pods/web:81/proxy/", ":81: connect: connection refused");
    refused("pods/none/proxy/", "pods \"none\" not found");
    refused(
        "pods/ftp:web:21/proxy/",
        "invalid pod request \"ftp:web:21\"",
    );
    refused(
        "services/web:81/proxy/",
        "no service port 81 found for service \"web\"",
    );
    refused(
        "services/web:x/proxy/",
        "no endpoints available for service \"web:x\"",
    );
}

fn logs(kubectl: &Kubectl) {
    kubectl.ok(
        "wait pod/counter '--for=jsonpath={.status.containerStatuses[0].started}' --timeout=90s",
    );
    let all = "line 1\nline 2\nline 3\nline 4\nline 5\nerror\n";
    assert_eq!(kubectl.ok("logs -f counter"), all);
    assert_eq!(kubectl.ok("logs counter"), all);
    assert_eq!(kubectl.ok("logs counter --tail=2"), "line 5\nerror\n");
    assert_eq!(kubectl.ok("logs counter --limit-bytes=6"), "line 1");
    let stamped = kubectl.ok("logs counter --timestamps --tail=1");
    assert!(
        stamped.starts_with("20") && stamped.ends_with("Z error\n"),
        "{stamped}"
    );
    kubectl.wait_for(
        "pod/twice",
        "{.status.containerStatuses[0].restartCount}",
        "1",
    );
    kubectl.wait("pod/twice", "condition=Ready");
    assert_eq!(kubectl.ok("logs twice"), "second\n");
    assert_eq!(kubectl.ok("logs twice --previous"), "first\n");
    let last = "{.status.containerStatuses[0].lastState.terminated.exitCode}";
    assert_eq!(kubectl.path("pod/twice", last), "3");
    let (_, complaint) = kubectl.fails("logs counter --previous");
    assert!(
        complaint.contains(r#"previous terminated container "main" in pod "counter" not found"#),
        "{complaint}"
    );
    let (_, complaint) = kubectl.fails("logs web -c none");
    assert!(
        complaint.contains("container none is not valid for pod web"),
        "{complaint}"
    );
    assert_eq!(kubectl.ok("logs web --all-containers"), "");
}

fn exec(kubectl: &Kubectl) {
    assert_eq!(kubectl.ok("exec web -c main -- echo hello"), "hello\n");
    let (code, _) = kubectl.fails("exec web -c main -- sh -c 'exit 42'");
    assert_eq!(code, 42);
    let output = kubectl.run_with("exec web -c main -- sh -c 'echo out; echo err >&2'", "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
    let input = "some words\n".repeat(20_000);
    assert_eq!(
        kubectl.ok_with("exec -i web -c other -- cat", &input),
        input
    );
    let (_, complaint) = kubectl.fails("exec web -c main -- /no/such/program");
    assert!(
        complaint.contains("no such file or directory"),
        "{complaint}"
    );
    assert_eq!(
        kubectl.ok("exec web -c other -- sh -c 'echo $HOSTNAME'"),
        "web\n"
    );
    let page = kubectl.ok("exec web -c other -- wget -q -O - http://127.0.0.1:8080/");
    assert_eq!(page, "page of busybox:test\n");
}

fn copying(kubectl: &Kubectl, directory: &std::path::Path) {
    let (there, back) = (directory.join("there"), directory.join("back"));
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&there, &bytes).unwrap();
    kubectl.ok(&format!("cp {} web:/tmp-file -c main", there.display()));
    kubectl.ok(&format!("cp web:/tmp-file {} -c main", back.display()));
    assert!(
        std::fs::read(&back).unwrap() == bytes,
        "the file came back another"
    );
}

fn port_forward(kubectl: &Kubectl) {
    let mut forward = kubectl.talk("port-forward pod/web :8080");
    let line = forward.line_with("Forwarding from 127.0.0.1:");
    let port = line
        .split(':')
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap();
    for _ in 0..3 {
        let answer = super::page(port.parse().unwrap());
        assert!(answer.ends_with("page of busybox:test\n"), "{answer}");
    }
}

fn attach(kubectl: &Kubectl) {
    kubectl.wait("pod/reader", "condition=Ready");
    let output = kubectl.ok_with("attach -i reader", "read this\n");
    assert!(output.contains("read this\n"), "{output}");
    kubectl.wait_for("pod/reader", "{.status.phase}", "Succeeded");
    assert_eq!(kubectl.ok("logs reader"), "read this\n");
}
