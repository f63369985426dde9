//! Where a container's environment and files come from: config maps, secrets, the pod itself, projected tokens.

use crate::cluster::Cluster;

const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {color: red, shape: round}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: hidden}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}, annotations: {note: x}}
spec:
  terminationGracePeriodSeconds: 0
  volumes:
  - {name: c, configMap: {name: c, items: [{key: color, path: deep/color, mode: 0400}]}}
  - {name: s, secret: {secretName: s}}
  - {name: d, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  - name: all
    projected:
      sources:
      - {configMap: {name: c}}
      - {secret: {name: s}}
      - {serviceAccountToken: {path: token, audience: me, expirationSeconds: 600}}
  containers:
  - name: main
    image: busybox:test
    command: [sh, -c, 'echo "$0"; exec sleep 3600']
    args: ['$(FIXED)$(NONE)$$(FIXED)']
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    env:
    - {name: FIXED, value: '0'}
    - {name: TWICE, value: '$(FIXED)-$(COLOR)'}
    - {name: COLOR, valueFrom: {configMapKeyRef: {name: c, key: color}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: s, key: password}}}
    - {name: ABSENT, valueFrom: {configMapKeyRef: {name: c, key: absent, optional: true}}}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    envFrom: [{prefix: P_, configMapRef: {name: c}}]
    volumeMounts:
    - {name: c, mountPath: /c}
    - {name: s, mountPath: /s}
    - {name: d, mountPath: /d}
    - {name: all, mountPath: /all}
"#;

#[test]
fn environment_and_files_come_from_where_the_pod_says() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(OBJECTS);
    kubectl.wait("pod/p", "condition=Ready");
    assert_eq!(kubectl.ok("logs p"), "0$(NONE)$(FIXED)\n");
    let inside = |script: &str| kubectl.ok(&format!("exec p -- sh -c '{script}'"));
    assert_eq!(
        inside("echo $FIXED $COLOR $PASSWORD $POD $MEMORY $P_shape ${ABSENT-unset}"),
        "0 red hidden p 64 round unset\n"
    );
    // A reference to a variable that is only set later stays as it is written.
    assert_eq!(inside("echo \"$TWICE\""), "0-$(COLOR)\n");
    assert_eq!(
        inside("echo $IP"),
        kubectl.path("pod/p", "{.status.podIP}") + "\n"
    );
    assert_eq!(
        inside("cat /c/deep/color; ls /c; stat -L -c %a /c/deep/color"),
        "reddeep\n400\n"
    );
    assert_eq!(inside("cat /s/password /d/labels"), "hiddenapp=\"p\"");
    assert_eq!(inside("ls /all"), "color\npassword\nshape\ntoken\n");
    assert_eq!(
        inside(
            "cut -d. -f2 /all/token | tr _- /+ | base64 -d 2>/dev/null | grep -c system:serviceaccount:default:default"
        ),
        "1\n"
    );
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    assert_eq!(
        inside(&format!("ls {account}; cat {account}/namespace")),
        "ca.crt\nnamespace\ntoken\ndefault"
    );
    let hosts = inside("cat /etc/hosts /etc/resolv.conf; hostname");
    let address = kubectl.path("pod/p", "{.status.podIP}");
    assert!(hosts.contains(&format!("{address}\tp\n")), "{hosts}");
    assert!(hosts.contains("nameserver "), "{hosts}");
    kubectl.ok("patch configmap c -p '{\"data\":{\"color\":\"blue\"}}'");
    // The file follows; the environment does not.
    let followed = inside(
        "for i in $(seq 600); do grep -q blue /c/deep/color && break; usleep 100000; done; cat /c/deep/color; echo $COLOR",
    );
    assert_eq!(followed, "bluered\n");
}
