//! Network policies as people write them, between real containers.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::inside::Inside;

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
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox:test, command: [sleep, 'MARK01']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: stranger}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox:test, command: [sleep, 'MARK02']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: partner, namespace: partners}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox:test, command: [sleep, 'MARK03']}]}
"#;

const PARTNERS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: partners, labels: {kind: partner}}
"#;

/// A policy for `web` with this ingress.
fn ingress(rules: &str) -> String {
    policy(&format!(
        "podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Ingress], ingress: [{rules}]"
    ))
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: policy}}\nspec: {{{spec}}}\n"
    )
}

/// Who asks.
struct Asking {
    name: &'static str,
    inside: Inside,
    web: String,
}

impl Asking {
    /// The page, or the complaint.
    fn get(&self, url: &str) -> Result<String, String> {
        self.inside.curl(&format!("--max-time 2 {url}"))
    }

    fn gets(&self, port: u16) -> bool {
        let got = self.get(&format!("http://{}:{port}/", self.web));
        if let Err(complaint) = &got {
            // In silence, and not by a refusal.
            let is_silent = complaint.contains("onnection time");
            assert!(is_silent, "{} {port}: {complaint}", self.name);
        }
        got.is_ok()
    }

    /// A policy has to be in the kernel first.
    fn until(&self, port: u16, expected: bool) {
        let begin = Instant::now();
        while self.gets(port) != expected {
            let patience = Duration::from_secs(30);
            assert!(begin.elapsed() < patience, "{} {port}", self.name);
        }
    }
}

#[test]
fn policies_say_who_may_what() {
    let mut cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    kubectl.apply(PARTNERS);
    kubectl.wait("serviceaccount/default -n partners", "create");
    let mark = format!("{}43", std::process::id());
    kubectl.apply(&OBJECTS.replace("MARK", &mark));
    kubectl.wait("pod/web pod/friend pod/stranger", "condition=Ready");
    kubectl.wait("pod/partner -n partners", "condition=Ready");
    let web = kubectl.path("pod/web", "{.status.podIP}");
    let asking = |name, number: &str| Asking {
        name,
        inside: Inside::of(&format!("{mark}{number}")),
        web: web.clone(),
    };
    let friend = asking("friend", "01");
    let stranger = asking("stranger", "02");
    let partner = asking("partner", "03");
    for who in [&friend, &stranger, &partner] {
        who.until(8080, true);
    }
    // Nobody.
    kubectl.apply(&ingress(""));
    for who in [&friend, &stranger, &partner] {
        who.until(8080, false);
    }
    // Friends, on the port of that name; and partners on a range.
    let friends = "{from: [{podSelector: {matchLabels: {role: friend}}}], ports: [{port: http}]}";
    let partners = "{from: [{namespaceSelector: {matchLabels: {kind: partner}}}], ports: [{port: 8085, endPort: 8090}]}";
    kubectl.apply(&ingress(&format!("{friends}, {partners}")));
    friend.until(8080, true);
    assert!(friend.get("http://web/").is_ok());
    let allowed = [
        (&friend, 8090, false),
        (&stranger, 8080, false),
        (&partner, 8080, false),
        (&partner, 8090, true),
        (&partner, 8091, false),
    ];
    for (who, port, expected) in allowed {
        assert_eq!(who.gets(port), expected, "{} {port}", who.name);
    }
    // The program goes, and what it said stays; when it comes back nothing changes.
    cluster.kill();
    for is_back in [false, true] {
        if is_back {
            cluster.up();
        }
        assert!(!stranger.gets(8080));
        assert!(friend.gets(8080));
    }
    // Everybody but one address.
    let address = kubectl.path("pod/friend", "{.status.podIP}");
    let block = format!("{{from: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [{address}/32]}}}}]}}");
    kubectl.apply(&ingress(&block));
    stranger.until(8080, true);
    assert!(!friend.gets(8080));
    // To DNS and nowhere else: the name is known, and nobody answers.
    kubectl.apply(&policy(
        "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}]",
    ));
    stranger.until(8080, false);
    let complaint = stranger.get("http://web/").unwrap_err();
    assert!(complaint.contains("onnection time"), "{complaint}");
    assert!(partner.gets(8080));
    // Nowhere at all: what the name means is not told either.
    kubectl.apply(&policy("podSelector: {}, policyTypes: [Egress]"));
    until("DNS is not asked", || {
        stranger.get("http://web/").unwrap_err().contains("esolv")
    });
    kubectl.ok("delete networkpolicy policy");
    stranger.until(8080, true);
    // More than a node holds: nobody, and people are told why.
    let blocks = (0..17_000).map(|number| {
        let (high, low) = (number / 100, 2 * (number % 100));
        format!("{{ipBlock: {{cidr: 172.16.{high}.{low}/32}}}}")
    });
    let blocks: Vec<String> = blocks.collect();
    let rule = format!("{{from: [{{podSelector: {{}}}}, {}]}}", blocks.join(", "));
    kubectl.ok_with("create -f -", &ingress(&rule));
    until("people are told", || {
        let told = "get events -n default --field-selector reason=NetworkPoliciesDegraded -o name";
        !kubectl.ok(told).is_empty()
    });
    assert!(!stranger.gets(8080));
    kubectl.ok("delete networkpolicy policy");
    stranger.until(8080, true);
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "not so yet: {what}"
        );
    }
}
