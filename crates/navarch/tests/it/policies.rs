//! Network policies as people write them, between real containers.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Kubectl};

/// A server on three ports, one of which has a name, and those who ask: a friend and a stranger, and one of another namespace.
const OBJECTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: a, image: busybox:test, command: [httpd, -f, -p, '8080', -h, /www], ports: [{name: http, containerPort: 8080}]}
  - {name: b, image: busybox:test, command: [httpd, -f, -p, '8090', -h, /www]}
  - {name: c, image: busybox:test, command: [httpd, -f, -p, '8091', -h, /www]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: friend, labels: {role: friend}}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox:test, command: [sleep, '3600']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: stranger}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox:test, command: [sleep, '3600']}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: partners, labels: {kind: partner}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: partners}
---
apiVersion: v1
kind: Pod
metadata: {name: partner, namespace: partners}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox:test, command: [sleep, '3600']}]}
"#;

/// A policy for `web` with this ingress.
fn ingress(rules: &str) -> String {
    policy(&format!(
        "podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Ingress], ingress: [{rules}]"
    ))
}

fn policy(spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: policy}}, spec: {{{spec}}}}}"
    )
}

/// Who asks, in which namespace.
type Who = (&'static str, &'static str);

const FRIEND: Who = ("friend", "default");
const STRANGER: Who = ("stranger", "default");
const PARTNER: Who = ("partner", "partners");

struct Asking<'a> {
    kubectl: &'a Kubectl,
    web: String,
}

impl Asking<'_> {
    /// The page that a pod gets, or the complaint.
    fn get(&self, (pod, namespace): Who, url: &str) -> Result<String, String> {
        let line = format!("exec {pod} -n {namespace} -- wget -q -T 2 -O - {url}");
        let output = self.kubectl.run_with(&line, "");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    fn gets(&self, who: Who, port: u16) -> bool {
        let got = self.get(who, &format!("http://{}:{port}/", self.web));
        if let Err(complaint) = &got {
            assert!(
                complaint.contains("timed out"),
                "{who:?} {port}: {complaint}"
            );
        }
        got.is_ok()
    }

    /// A policy has to be in the kernel first.
    fn until(&self, who: Who, port: u16, expected: bool) {
        let begin = Instant::now();
        while self.gets(who, port) != expected {
            assert!(begin.elapsed() < Duration::from_secs(30), "{who:?} {port}");
        }
    }
}

#[test]
fn policies_say_who_may_what() {
    let mut cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(OBJECTS);
    kubectl.wait("pod/web pod/friend pod/stranger", "condition=Ready");
    kubectl.wait("pod/partner -n partners", "condition=Ready");
    let asking = Asking {
        kubectl: &kubectl,
        web: kubectl.path("pod/web", "{.status.podIP}"),
    };
    for who in [FRIEND, STRANGER, PARTNER] {
        asking.until(who, 8080, true);
    }
    // Nobody.
    kubectl.apply(&ingress(""));
    for who in [FRIEND, STRANGER, PARTNER] {
        asking.until(who, 8080, false);
    }
    // Friends, on the port of that name; and partners on a range.
    let friends = "{from: [{podSelector: {matchLabels: {role: friend}}}], ports: [{port: http}]}";
    let partners = "{from: [{namespaceSelector: {matchLabels: {kind: partner}}}], ports: [{port: 8085, endPort: 8090}]}";
    kubectl.apply(&ingress(&format!("{friends}, {partners}")));
    asking.until(FRIEND, 8080, true);
    assert!(asking.get(FRIEND, "http://web/").is_ok());
    let allowed = [
        (FRIEND, 8090, false),
        (STRANGER, 8080, false),
        (PARTNER, 8080, false),
        (PARTNER, 8090, true),
        (PARTNER, 8091, false),
    ];
    for (who, port, expected) in allowed {
        assert_eq!(asking.gets(who, port), expected, "{who:?} {port}");
    }
    // The program goes, what it said stays; and when it comes back nothing changes.
    cluster.kill();
    cluster.up();
    assert!(!asking.gets(STRANGER, 8080));
    assert!(asking.gets(FRIEND, 8080));
    // Everybody but one address.
    let friend = kubectl.path("pod/friend", "{.status.podIP}");
    let block = format!("{{from: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [{friend}/32]}}}}]}}");
    kubectl.apply(&ingress(&block));
    asking.until(STRANGER, 8080, true);
    assert!(!asking.gets(FRIEND, 8080));
    // To DNS and nowhere else: the name is known, and nobody answers.
    kubectl.apply(&policy(
        "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}]",
    ));
    asking.until(STRANGER, 8080, false);
    let complaint = asking.get(STRANGER, "http://web/").unwrap_err();
    assert!(complaint.contains("timed out"), "{complaint}");
    assert!(asking.gets(PARTNER, 8080));
    kubectl.ok("delete networkpolicy policy");
    asking.until(STRANGER, 8080, true);
}
