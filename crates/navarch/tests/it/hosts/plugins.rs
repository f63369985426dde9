//! Pods that a plugin of somebody else's connects.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::harness::{Hosts, until};
use super::pods::{Pods, SLOW, ask_often, crowd};

/// It connects one pod, by a pair of interfaces and a route. It says to a file beside it what it has been asked to do.
const PLUGIN: &str = r#"#!/bin/sh
set -e
end=v$(echo "$CNI_CONTAINERID" | cut -c1-8)
echo "$CNI_COMMAND $CNI_ARGS" >> "$(dirname "$0")/said"
case $CNI_COMMAND in
ADD)
  ip link add name "$end" type veth peer name eth0 netns "$CNI_NETNS"
  ip addr add 169.254.1.1/32 dev "$end"
  ip link set "$end" up
  nsenter --net="$CNI_NETNS" sh -c 'ip addr add 10.77.0.2/32 dev eth0; ip link set eth0 up; ip route add 169.254.1.1 dev eth0; ip route add default via 169.254.1.1'
  ip route add 10.77.0.2/32 dev "$end"
  echo 1 > /proc/sys/net/ipv4/ip_forward
  echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.77.0.2/32"}]}'
  ;;
DEL) ip link del "$end" 2>/dev/null || true ;;
esac
"#;

/// A directory of it and of its configuration.
pub(super) fn plugins() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let plugin = directory.path().join("of-a-test");
    fs::write(&plugin, PLUGIN).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let list = r#"{"cniVersion": "1.0.0", "name": "test", "plugins": [{"type": "of-a-test"}]}"#;
    fs::write(directory.path().join("10-test.conflist"), list).unwrap();
    directory
}

/// The pod has its address from the plugin, and services and names as it has on any node.
pub(super) fn connect_pods(hosts: &Hosts, pods: &Pods, plugins: &TempDir) {
    let (host, pod) = (hosts.host(0), &pods.0[0]);
    assert_eq!(pod.ip.to_string(), "10.77.0.2");
    let service = hosts.kubectl().path("service/web", "{.spec.clusterIP}");
    for place in ["10.77.0.2:8080", service.as_str()] {
        let seen = || {
            crowd(&host.sh(&ask_often(place)))
                .into_iter()
                .all(|(name, _)| name == "pod1")
        };
        until("the pod is reached", SLOW, seen);
    }
    until("a name is known", SLOW, || pod.who("web").is_ok());
    // None of this program's own network is there.
    let links = host.sh("ip -o link; nft list tables");
    assert!(
        !links.contains("navarch0:") && !links.contains("_policies"),
        "{links}"
    );
    hosts.kubectl().ok("delete pod/pod1 --wait=false");
    let said = || fs::read_to_string(plugins.path().join("said")).unwrap();
    until("the pod is disconnected", SLOW, || {
        said().lines().last().unwrap().starts_with("DEL ")
    });
    assert!(
        said().starts_with("ADD IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod1;"),
        "{}",
        said()
    );
}

/// A pod is connected, and its plugin is gone when the host is taken down, which its end proves: nothing but what the plugin would do is left
/// undone.
pub(super) fn are_gone(hosts: &Hosts, plugins: &TempDir) {
    hosts.kubectl().wait("pod/pod1", "delete");
    hosts.kubectl().ok("run another --image=busybox:test --overrides={\"spec\":{\"nodeName\":\"h1\"}} -- sleep 1000");
    hosts.kubectl().wait("pod/another", "condition=Ready");
    fs::remove_file(plugins.path().join("of-a-test")).unwrap();
}
