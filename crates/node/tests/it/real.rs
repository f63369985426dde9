//! The agent on the embedded runtime, with containers of busybox: needs root and the runtime's shim beside the test's program.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use navarch_client::{Client, SystemClock};
use navarch_node::server::NodeApi;
use navarch_node::{Agent, HostVolumes, LogOptions, NodeOptions, NodeParts, Objects, service_view};
use navarch_runtime::cri::{ImageConfig, Runtime};
use navarch_runtime::embedded::{Embedded, Options, ShimCommand, remove_everything};
use navarch_runtime::images::{Images, build_archive};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::api::Api;
use crate::cluster::{Cluster, is_ready, phase};
use crate::runtime::FakeNetwork;

const IMAGE: &str = "docker.io/library/busybox:test";

/// A node with real containers.
pub(crate) struct Node {
    api: Arc<Api>,
    pub(crate) client: Client,
    network: Arc<FakeNetwork>,
    runtime: Arc<Embedded>,
    images: Images,
    options: Options,
    directory: tempfile::TempDir,
    finished: bool,
}

fn shim() -> Option<PathBuf> {
    let program = std::env::current_exe()
        .ok()?
        .parent()?
        .parent()?
        .join("navarch-shim");
    assert!(
        nix::unistd::geteuid().is_root(),
        "these tests make containers: run them as root"
    );
    assert!(
        program.exists(),
        "there is no {}: `cargo build -p navarch-runtime` makes it",
        program.display()
    );
    assert!(
        Path::new("/bin/busybox").exists(),
        "there is no /bin/busybox: install busybox-static"
    );
    (nix::unistd::geteuid().is_root() && program.exists() && Path::new("/bin/busybox").exists())
        .then_some(program)
}

impl Node {
    pub(crate) async fn new() -> Option<Self> {
        let program = shim()?;
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            data: directory.path().join("runtime"),
            run: directory.path().join("run"),
            cgroup: format!("navarch-node-test-{}-{number}", std::process::id()),
            hierarchy: None,
            shim: ShimCommand {
                program,
                args: Vec::new(),
            },
        };
        let images = Images::open(&directory.path().join("images")).unwrap();
        let archive = directory.path().join("busybox.tar");
        let busybox = (
            PathBuf::from("/bin/busybox"),
            PathBuf::from("/bin/busybox"),
            0o755,
        );
        build_archive(&archive, IMAGE, &[busybox], &ImageConfig::default()).unwrap();
        images.import(&[archive]).unwrap();
        let runtime = Embedded::open(options.clone(), images.clone())
            .await
            .unwrap();
        let api = Api::new();
        let client = Client::new(api.clone());
        Some(Self {
            api,
            client,
            network: Arc::new(FakeNetwork::default()),
            runtime,
            images,
            options,
            directory,
            finished: false,
        })
    }

    pub(crate) async fn agent(&self) -> Agent {
        let directory = self.directory.path().join("node");
        let options = NodeOptions::new("n1", "192.168.0.1".parse().unwrap(), directory);
        let clock = Arc::new(SystemClock);
        let volumes = HostVolumes::new(
            options.clone(),
            Objects::new(self.client.clone()),
            clock.clone(),
        );
        let parts = NodeParts {
            options,
            client: self.client.clone(),
            view: service_view(&self.client),
            runtime: self.runtime.clone(),
            network: self.network.clone(),
            volumes: Arc::new(volumes),
            clock,
            services_applied: None,
        };
        Agent::start(parts).await.unwrap()
    }

    /// The doubles' way to make and await pods.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::on(self.api.clone(), self.network.clone())
    }

    pub(crate) async fn finish(mut self) {
        self.finished = true;
        let path = self.directory.path().to_string_lossy().into_owned();
        remove_everything(self.options.clone(), self.images.clone())
            .await
            .unwrap();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let left: Vec<&str> = mounts.lines().filter(|line| line.contains(&path)).collect();
        assert!(left.is_empty(), "mounts are left: {left:#?}");
    }
}

/// A test that failed leaves nothing behind either.
impl Drop for Node {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (options, images) = (self.options.clone(), self.images.clone());
        let node = self.directory.path().join("node");
        let remove = async move {
            let _ = remove_everything(options, images).await;
            let _ = navarch_node::volumes::remove_everything(&node).await;
        };
        let removed = std::thread::spawn(|| {
            tokio::runtime::Runtime::new().unwrap().block_on(remove);
        });
        let _ = removed.join();
    }
}

pub(crate) fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "image": IMAGE, "command": ["/bin/busybox", "sh", "-c", script]})
}

pub(crate) async fn logs(api: &NodeApi, pod: &str, container: &str, follow: bool) -> String {
    let options = LogOptions {
        follow,
        ..LogOptions::default()
    };
    let mut chunks = api
        .logs("default", pod, container, false, options)
        .await
        .unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).unwrap()
}

/// Serves the API without TLS on loopback.
async fn serve(api: NodeApi) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let api = api.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(
                    move |request: hyper::Request<hyper::body::Incoming>| {
                        let api = api.clone();
                        async move { Ok::<_, std::convert::Infallible>(api.handle(request).await) }
                    },
                );
                let stream = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(stream, service)
                    .with_upgrades()
                    .await;
            });
        }
    });
    address
}

async fn websocket(
    address: std::net::SocketAddr,
    path: &str,
    protocol: &str,
) -> tokio_tungstenite::WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol.parse().unwrap());
    let (socket, response) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_sees_its_world() {
    let Some(node) = Node::new().await else {
        return;
    };
    let cluster = node.cluster();
    let config: ConfigMap = serde_json::from_value(
        json!({"metadata": {"name": "c", "namespace": "default"}, "data": {"k": "from map"}}),
    )
    .unwrap();
    let secret: Secret = serde_json::from_value(
        json!({"metadata": {"name": "s", "namespace": "default"}, "data": {"p": "c2VjcmV0"}}),
    )
    .unwrap();
    node.client.create(config).await.unwrap();
    node.client.create(secret).await.unwrap();
    let agent = node.agent().await;
    let script = "cat() { /bin/busybox cat \"$@\"; }; echo $NAME $KEY $(cat /config/k) $(cat /secret/p) $(cat /data/x) $(cat /sub); \
                  /bin/busybox hostname; /bin/busybox grep -c web /etc/hosts; echo bye > /dev/termination-log; exit 3";
    let mut app = shell("app", script);
    app["env"] = json!([
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
    ]);
    app["volumeMounts"] = json!([
        {"name": "config", "mountPath": "/config"}, {"name": "secret", "mountPath": "/secret"}, {"name": "data", "mountPath": "/data"},
        {"name": "data", "mountPath": "/sub", "subPath": "x"},
    ]);
    let mut first = shell("first", "echo shared > /data/x");
    first["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let volumes = json!([
        {"name": "config", "configMap": {"name": "c"}}, {"name": "secret", "secret": {"secretName": "s"}}, {"name": "data", "emptyDir": {"medium": "Memory"}},
    ]);
    cluster.create("web", json!({"restartPolicy": "Never", "initContainers": [first], "containers": [app], "volumes": volumes})).await;
    let pod = cluster.until("web", |p| phase(p) == "Failed").await;
    let status = pod.status.unwrap().container_statuses.unwrap().remove(0);
    let end = status.state.unwrap().terminated.unwrap();
    let log = logs(&agent.api(), "web", "app", false).await;
    assert_eq!(log, "web from map from map secret shared shared\nweb\n1\n");
    assert_eq!(
        (end.exit_code, end.reason.as_deref(), end.message.as_deref()),
        (3, Some("Error"), Some("bye\n"))
    );
    cluster.delete("web").await;
    cluster.until_absent("web").await;
    agent.stop().await;
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_logs_and_port_forward_and_a_restart_of_the_agent() {
    let Some(node) = Node::new().await else {
        return;
    };
    let cluster = node.cluster();
    let agent = node.agent().await;
    let script = "echo begin; /bin/busybox nc -ll -p 8080 -e /bin/busybox cat & trap 'echo end; exit 0' TERM; while :; do /bin/busybox sleep 0.1; done";
    let mut app = shell("app", script);
    app["readinessProbe"] = json!({"exec": {"command": ["/bin/busybox", "sh", "-c", "/bin/busybox netstat -ltn | /bin/busybox grep -q :8080"]}, "periodSeconds": 1});
    cluster
        .create(
            "web",
            json!({"containers": [app], "terminationGracePeriodSeconds": 10}),
        )
        .await;
    cluster.until("web", is_ready).await;
    let address = serve(agent.api()).await;
    let path = "/exec/default/web/app?command=/bin/busybox&command=sh&command=-c&command=read+x;echo+got+$x;exit+4&input=1&output=1&error=1";
    let mut socket = websocket(address, path, "v5.channel.k8s.io").await;
    socket
        .send(Message::Binary(b"\0hello\n".as_slice().into()))
        .await
        .unwrap();
    let mut output = String::new();
    let mut status = Value::Null;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else {
            continue;
        };
        match bytes[0] {
            1 => output.push_str(std::str::from_utf8(&bytes[1..]).unwrap()),
            3 => status = serde_json::from_slice(&bytes[1..]).unwrap(),
            _ => {}
        }
    }
    assert_eq!(output, "got hello\n");
    assert_eq!(status["reason"], "NonZeroExitCode");
    assert_eq!(status["details"]["causes"][0]["message"], "4");

    // Another upgrade than to a WebSocket is nobody's business here.
    let path = "/containerLogs/default/web/app?limitBytes=6";
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: node\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("begin\n"),
        "{answer}"
    );
    for (protocol, begin) in [
        ("binary.k8s.io", Message::Binary("begin\n".into())),
        ("base64.binary.k8s.io", Message::Text("YmVnaW4K".into())),
    ] {
        let mut socket = websocket(address, path, protocol).await;
        assert_eq!(socket.next().await.unwrap().unwrap(), begin);
        let end = socket.next().await.unwrap().unwrap();
        assert!(end.is_close(), "{end:?}");
    }

    let mut socket = websocket(
        address,
        "/portForward/default/web?port=8080",
        "v4.channel.k8s.io",
    )
    .await;
    socket
        .send(Message::Binary(b"\0through the port\n".as_slice().into()))
        .await
        .unwrap();
    let (mut echoed, mut errors) = (Vec::new(), String::new());
    while echoed.len() < 2 + "through the port\n".len() {
        let Some(Ok(Message::Binary(bytes))) = socket.next().await else {
            panic!("closed: {echoed:?} {errors:?}")
        };
        if bytes[0] == 0 {
            echoed.extend_from_slice(&bytes[1..]);
        } else {
            errors.push_str(&String::from_utf8_lossy(&bytes[1..]));
        }
    }
    assert_eq!(&echoed[2..], b"through the port\n");
    drop(socket);

    let pid = node.runtime.list_containers().await.unwrap()[0].pid;
    agent.stop().await;
    let agent = node.agent().await;
    let before = cluster.pod("web").unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(node.runtime.list_containers().await.unwrap()[0].pid, pid);
    assert_eq!(cluster.pod("web").unwrap().status, before.status);
    let api = agent.api();
    let following = tokio::spawn(async move { logs(&api, "web", "app", true).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.delete("web").await;
    cluster.until_absent("web").await;
    assert_eq!(following.await.unwrap(), "begin\nend\n");
    agent.stop().await;
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_volume_puts_its_pod_out() {
    let Some(node) = Node::new().await else {
        return;
    };
    let cluster = node.cluster();
    let agent = node.agent().await;
    let mut app = shell(
        "app",
        "/bin/busybox dd if=/dev/zero of=/data/x bs=1M count=20; /bin/busybox sleep 1000",
    );
    app["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let volumes = json!([{"name": "data", "emptyDir": {"sizeLimit": "10Mi"}}]);
    cluster
        .create("hog", json!({"containers": [app], "volumes": volumes}))
        .await;
    let pod = cluster.until("hog", |p| phase(p) == "Failed").await;
    let status = pod.status.unwrap();
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    assert_eq!(
        status.message.as_deref(),
        Some("Usage of EmptyDir volume \"data\" exceeds the limit \"10Mi\". ")
    );
    cluster.delete("hog").await;
    cluster.until_absent("hog").await;
    agent.stop().await;
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_things_are_refused() {
    let Some(node) = Node::new().await else {
        return;
    };
    let agent = node.agent().await;
    let address = serve(agent.api()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("ws://{address}/exec/default/none/app?command=x&output=1")
        .into_client_request()
        .unwrap();
    let refused = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap_err();
    assert!(matches!(refused, tokio_tungstenite::tungstenite::Error::Http(r) if r.status() == 404));
    agent.stop().await;
    node.finish().await;
}
