//! Services, cluster DNS and the API as pods and the host reach them.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Kubectl};
use crate::inside::Inside;

/// Two pods that say their names, and one that asks.
const OBJECTS: &str = r#"
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
      - name: web
        image: busybox:test
        command: [sh, -c, 'mkdir /page; hostname > /page/index.html; exec httpd -f -p 8080 -h /page']
        readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: client, image: busybox:test, command: [sleep, MARK]}]
"#;

/// An address of the host that is not loopback.
fn host_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Sends nothing; the address is for documentation.
    socket.connect("198.51.100.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

/// The page at an address, asked for by the host.
pub(crate) fn page(at: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(3))?;
    stream.set_read_timeout(Some(Duration::from_secs(3)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer
        .rsplit("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned())
}

fn pods_of(kubectl: &Kubectl) -> Vec<String> {
    let names = kubectl.path("pods -l app=web", "{.items[*].metadata.name}");
    let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    names.sort();
    names
}

/// Those who answer, each once.
fn answering(mut ask: impl FnMut() -> String) -> Vec<String> {
    let mut seen: Vec<String> = (0..30).map(|_| ask()).collect();
    seen.sort();
    seen.dedup();
    seen
}

#[test]
fn pods_and_the_host_reach_services_and_pods_reach_the_api() {
    let cluster = Cluster::start();
    let kubectl = cluster.kubectl();
    let mark = format!("{}4321", std::process::id());
    kubectl.apply(&OBJECTS.replace("MARK", &format!("'{mark}'")));
    kubectl.wait("deployment/web", "condition=Available");
    kubectl.wait_for("deployment/web", "{.status.readyReplicas}", "2");
    kubectl.wait("pod/client", "condition=Ready");
    let client = Inside::of(&mark);
    let pods = pods_of(&kubectl);
    assert_eq!(pods.len(), 2);
    let ip: IpAddr = kubectl
        .path("service/web", "{.spec.clusterIP}")
        .parse()
        .unwrap();
    let port = kubectl.path("service/web", "{.spec.ports[0].nodePort}");
    let (at, node_port) = (
        SocketAddr::new(ip, 80),
        SocketAddr::new(host_address(), port.parse().unwrap()),
    );
    // By name, as far as the search path goes, and by address.
    for name in [
        "web",
        "web.default",
        "web.default.svc.cluster.local",
        &ip.to_string(),
    ] {
        let ask = || {
            client
                .curl(&format!("http://{name}/"))
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(answering(ask), pods, "{name}");
    }
    assert_eq!(answering(|| page(at).unwrap()), pods);
    assert_eq!(answering(|| page(node_port).unwrap()), pods);
    // Who stays with whom.
    kubectl.ok(r#"patch service web -p '{"spec":{"sessionAffinity":"ClientIP"}}'"#);
    let start = Instant::now();
    let ask = || client.curl("http://web/").unwrap();
    while answering(ask).len() > 1 {
        assert!(start.elapsed() < Duration::from_secs(30), "no affinity");
    }
    the_api(&kubectl, &client);
    // Nobody is left: refused at once.
    kubectl.ok("scale deployment web --replicas 0");
    kubectl.wait("pods -l app=web", "delete");
    let start = Instant::now();
    let complaint = client.curl("http://web/").unwrap_err();
    assert!(
        complaint.contains("Connection refused") || complaint.contains("Failed to connect"),
        "{complaint}"
    );
    assert_eq!(
        page(at).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    assert_eq!(
        page(node_port).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

/// A pod reaches the API by the name and the address that its environment says, with its own token.
fn the_api(kubectl: &Kubectl, client: &Inside) {
    let files = format!(
        "/proc/{}/root/var/run/secrets/kubernetes.io/serviceaccount",
        client.pid
    );
    let address = kubectl.path("service/kubernetes", "{.spec.clusterIP}");
    let service = kubectl.path("service/kube-dns -n kube-system", "{.spec.clusterIP}");
    let resolv_conf = kubectl.ok("exec client -- cat /etc/resolv.conf");
    assert!(
        resolv_conf.contains(&format!("nameserver {service}\n")),
        "{resolv_conf}"
    );
    assert!(
        resolv_conf.starts_with("search default.svc.cluster.local svc.cluster.local cluster.local"),
        "{resolv_conf}"
    );
    for host in ["kubernetes.default.svc", "kubernetes.default", &address] {
        let ask = |path: &str| {
            client
                .curl(&format!(
                    "--cacert {files}/ca.crt -H \"Authorization: Bearer $(cat {files}/token)\" https://{host}{path}"
                ))
                .unwrap()
        };
        assert!(ask("/version").contains("\"gitVersion\""), "{host}");
        let refused = ask("/api/v1/namespaces/default/secrets");
        assert!(
            refused.contains("system:serviceaccount:default:default"),
            "{refused}"
        );
    }
}
