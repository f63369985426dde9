use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, net::IpAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::configuration::{Configurations, parse};
use super::result::{addresses, complaint};
use super::{CniConfig, CniError, CniNetwork};
use crate::{HostPort, PodDns, PodName, PodRequest, Protocol};

mod garbage;
mod programs;
mod records;

/// A plugin that writes down what it is told, and answers what is in a file beside it.
const SCRIPT: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$(basename "$0") $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME ${CNI_NETNS:-none} $CNI_ARGS" >> told
cat >> input; echo >> input
if [ -e "refuse-$(basename "$0")-$CNI_COMMAND" ]; then echo '{"code": 11, "msg": "not now", "details": "later"}'; exit 1; fi
env > environment
[ "$CNI_COMMAND" = DEL ] || cat answer
"#;

/// Plugins `first` and `second` in a directory of their own.
struct Host(TempDir);

impl Host {
    fn new() -> Self {
        let host = Self(TempDir::new().unwrap());
        for plugin in ["first", "second"] {
            host.write(plugin, SCRIPT);
            fs::set_permissions(host.path(plugin), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let answer = json!({"ips": [{"address": "10.22.0.5/16"}, {"address": "fd00::5/64"}]});
        host.write("answer", &answer.to_string());
        host
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Puts a configuration there.
    fn configure(&self, file: &str) {
        fs::create_dir_all(self.path("net.d")).unwrap();
        let plugins = json!([{"type": "first", "bridge": "b0"}, {"type": "second", "capabilities": {"portMappings": true}}]);
        let list = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": plugins});
        self.write(&format!("net.d/{file}"), &list.to_string());
    }

    fn config(&self) -> CniConfig {
        CniConfig {
            configurations: self.path("net.d"),
            programs: vec!["/nowhere".into(), self.0.path().into()],
            state_dir: self.path("state"),
            collects_garbage: true,
        }
    }

    fn network(&self) -> CniNetwork {
        CniNetwork::new(self.config())
    }

    fn told(&self) -> Vec<String> {
        self.read("told").lines().map(str::to_owned).collect()
    }
}

fn pod() -> PodRequest {
    PodRequest {
        name: PodName {
            namespace: "n".into(),
            name: "p".into(),
            uid: "u".into(),
        },
        ports: Vec::new(),
        annotations: [].into(),
        dns: None,
    }
}

/// The namespace of this process: nothing but its loopback interface is touched, which is up.
fn own() -> &'static Path {
    Path::new("/proc/self/ns/net")
}

fn ips() -> Vec<IpAddr> {
    ["10.22.0.5", "fd00::5"]
        .map(|ip| ip.parse().unwrap())
        .into()
}

#[tokio::test]
async fn plugins_connect_one_after_the_other_and_disconnect_the_other_way_round() {
    let host = Host::new();
    let network = host.network();
    let unready = network.ready().await.unwrap_err();
    assert!(matches!(unready, CniError::NotInitialized(_)), "{unready}");
    // They may come after the node.
    host.configure("10-pods.conflist");
    network.ready().await.unwrap();
    let port = HostPort {
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port: 8080,
        container_port: 80,
    };
    let with_port = PodRequest {
        ports: vec![port],
        ..pod()
    };
    let attach = || network.attach("abc", own(), with_port.clone());
    assert_eq!(attach().await.unwrap(), ips());
    let arguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=n;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u";
    let own = own().display();
    assert_eq!(
        host.told(),
        [
            format!("first ADD abc eth0 {own} {arguments}"),
            format!("second ADD abc eth0 {own} {arguments}")
        ]
    );
    let inputs: Vec<Value> = host
        .read("input")
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(
        inputs[0],
        json!({"type": "first", "bridge": "b0", "cniVersion": "1.0.0", "name": "pods"})
    );
    assert_eq!(inputs[1]["prevResult"]["ips"][0]["address"], "10.22.0.5/16");
    // It has said none.
    assert_eq!(inputs[1]["prevResult"]["cniVersion"], "1.0.0");
    assert_eq!(
        inputs[1]["runtimeConfig"],
        json!({"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]})
    );
    // Connected already, here and after a restart; by what it was connected it is disconnected.
    assert_eq!(attach().await.unwrap(), ips());
    assert_eq!(host.told().len(), 2);
    let network = host.network();
    assert_eq!(network.attached().await.unwrap()["abc"], ips());
    fs::remove_dir_all(host.path("net.d")).unwrap();
    network.disconnect_all().await.unwrap();
    let orders: Vec<String> = host.told()[2..]
        .iter()
        .map(|it| it.split(" abc").next().unwrap().to_owned())
        .collect();
    assert_eq!(orders, ["second DEL", "first DEL"]);
    assert!(network.attached().await.unwrap().is_empty());
    network.detach("abc").await.unwrap();
}

#[tokio::test]
async fn what_one_has_begun_is_taken_back_when_another_refuses() {
    let host = Host::new();
    host.configure("pods.json");
    let network = host.network();
    host.write("refuse-second-ADD", "");
    let refused = network.attach("abc", own(), pod()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "plugin type=\"second\" failed (add): not now; later"
    );
    assert_eq!(host.told().len(), 4, "{:?}", host.told());
    assert!(network.attached().await.unwrap().is_empty());
    // One that cannot be disconnected is asked again.
    fs::remove_file(host.path("refuse-second-ADD")).unwrap();
    network.attach("abc", own(), pod()).await.unwrap();
    host.write("refuse-second-DEL", "");
    assert!(network.detach("abc").await.is_err());
    let last = host.told().pop().unwrap();
    assert!(
        last.starts_with("first DEL"),
        "one that refuses keeps no other: {last}"
    );
    fs::remove_file(host.path("refuse-second-DEL")).unwrap();
    network.detach("abc").await.unwrap();
    // A pod without an address is none.
    host.write("answer", r#"{"cniVersion": "1.0.0"}"#);
    let without = network.attach("abc", own(), pod()).await.unwrap_err();
    assert!(matches!(without, CniError::NoAddress(_)), "{without}");
    fs::remove_file(host.path("first")).unwrap();
    let missing = network.attach("abc", own(), pod()).await.unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("plugin type=\"first\" not found in /nowhere:"),
        "{missing}"
    );
    assert!(network.attach("../x", own(), pod()).await.is_err());
}

#[tokio::test]
async fn a_dead_sandbox_is_disconnected_when_its_plugin_can() {
    let host = Host::new();
    host.configure("pods.json");
    let network = host.network();
    network.attach("dead", own(), pod()).await.unwrap();
    network.attach("live", own(), pod()).await.unwrap();
    host.write("refuse-first-DEL", "");
    let live = HashSet::from(["live".to_owned()]);
    network.reconcile(live).await.unwrap();
    while host
        .told()
        .iter()
        .filter(|it| it.starts_with("first DEL dead"))
        .count()
        < 2
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    fs::remove_file(host.path("refuse-first-DEL")).unwrap();
    while network.attached().await.unwrap().len() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(network.attached().await.unwrap().contains_key("live"));
    // What is no namespace any more is told as none.
    let plain = host.path("plain");
    fs::write(&plain, "").unwrap();
    let record = host
        .read("state/live.json")
        .replace("/proc/self/ns/net", &plain.display().to_string());
    host.write("state/live.json", &record);
    network.disconnect_all().await.unwrap();
    let last = host.told().pop().unwrap();
    assert!(last.starts_with("first DEL live eth0 none "), "{last}");
}

#[test]
fn the_first_file_that_is_a_configuration_counts() {
    let host = Host::new();
    host.configure("20-second.conflist");
    host.write("net.d/10-broken.conf", "{");
    host.write("net.d/00-other.txt", "{}");
    // What has no end is not read.
    let fifo = host.path("net.d/05-fifo.conf");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let configurations = Configurations::of(host.path("net.d"));
    let read = |_: &Host| configurations.load().unwrap();
    assert_eq!(read(&host).plugins.len(), 2);
    // What is wrong with them has been told, and is not told again.
    let now = |why: &str| [(fifo.clone(), why.to_owned())].into();
    assert_eq!(configurations.news(now("it is no file")), []);
    assert_eq!(configurations.news(now("other")).len(), 1);
    host.write(
        "net.d/15-one.conf",
        r#"{"name": "one", "type": "first", "cniVersion": "0.3.1"}"#,
    );
    let one = read(&host);
    assert_eq!(
        (
            one.name.as_str(),
            one.cni_version.as_str(),
            one.plugins.len()
        ),
        ("one", "0.3.1", 1)
    );
    for bad in [
        r#"{"plugins": []}"#,
        r#"{"type": "../sh"}"#,
        r#"{"plugins": [{"name": "x"}]}"#,
        "[]",
        "7",
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn answers_old_and_new_are_read() {
    let old =
        json!({"cniVersion": "0.2.0", "ip4": {"ip": "10.1.2.3/24"}, "ip6": {"ip": "fd00::3/64"}});
    assert_eq!(
        addresses(&old),
        ["10.1.2.3", "fd00::3"].map(|ip| ip.parse::<IpAddr>().unwrap())
    );
    // Those of the host's ends are not the pod's.
    let interfaces = json!([{"name": "b0"}, {"name": "eth0", "sandbox": "/n"}, {"name": "eth0"}, {"name": "net1", "sandbox": "/n"}]);
    let ip = |address: &str, interface: i64| json!({"address": address, "interface": interface});
    let all = [
        ip("10.1.0.1/16", 0),
        ip("10.1.2.3/16", 1),
        ip("10.1.2.4/16", 2),
        ip("10.1.2.5/16", 3),
        ip("10.1.2.6/16", 9),
        ip("10.1.2.7/16", -1),
    ];
    let result = json!({"interfaces": interfaces, "ips": all});
    assert_eq!(addresses(&result), [IpAddr::from([10, 1, 2, 3])]);
    let bare = json!({"ips": [{"address": "10.1.2.3"}, {"address": "x"}, {}]});
    assert_eq!(addresses(&bare).len(), 1);
    assert_eq!(complaint(b"{\"msg\": \"no\"}", b"noise"), "no");
    assert_eq!(complaint(b"", b" panic \n"), "panic");
    assert_eq!(complaint(b"", b""), "it said nothing");
}
