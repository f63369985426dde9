//! What must hold where pods and services have addresses of both families.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::harness::{Hosts, until};
use super::moves::serves_at;
use super::pods::{Pods, SLOW, ask_often, crowd};

/// Behind both of its addresses, and behind those of the nodes.
const BOTH: &str = r"
apiVersion: v1
kind: Service
metadata: {name: both}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30090}]
";

fn addresses(text: &str) -> Vec<IpAddr> {
    text.split_whitespace()
        .map(|ip| ip.parse().unwrap())
        .collect()
}

/// Nodes, pods and their hosts' addresses, as the API tells them; each pod reaches each in IPv6 too.
pub(super) fn pods_have_addresses_of_both(hosts: &Hosts, pods: &Pods) {
    let kubectl = hosts.kubectl();
    for (host, pod) in hosts.all().iter().zip(&pods.0) {
        let node = format!("node/{}", host.name);
        let own = kubectl.path(
            &node,
            "{.status.addresses[?(@.type==\"InternalIP\")].address}",
        );
        assert_eq!(
            own,
            format!("{} {}", host.address, host.second.as_deref().unwrap())
        );
        let ranges = kubectl.path(&node, "{.spec.podCIDRs[*]}");
        assert!(
            ranges.contains(" fd00:10:244:") && ranges.ends_with("::/64"),
            "{ranges}"
        );
        let of_pod = format!("pod/{}", pod.name);
        let ips = addresses(&kubectl.path(&of_pod, "{.status.podIPs[*].ip}"));
        assert_eq!(
            ips.iter().map(IpAddr::is_ipv4).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(ips[0], pod.ip);
        let of_host = kubectl.path(&of_pod, "{.status.hostIPs[*].ip}");
        assert_eq!(of_host, own);
        for from in &pods.0 {
            let place = format!("[{}]:8080", ips[1]);
            until("a pod reaches another", SLOW, || {
                from.who(&place).is_ok_and(|(name, _)| name == pod.name)
            });
        }
    }
}

/// By certificates that name both of their addresses.
pub(super) fn nodes_serve_at_both(hosts: &Hosts) {
    for host in hosts.all() {
        for address in [&host.address, host.second.as_ref().unwrap()] {
            until("a node's certificate names its address", SLOW, || {
                serves_at(hosts, address)
            });
        }
    }
}

/// From pods and hosts by both cluster addresses and by name, from outside by both addresses of each node.
pub(super) fn a_service_of_both_leads_to_all_hosts(hosts: &Hosts, pods: &Pods) {
    let kubectl = hosts.kubectl();
    kubectl.apply(BOTH);
    let ips = addresses(&kubectl.path("service/both", "{.spec.clusterIPs[*]}"));
    assert_eq!(
        ips.iter().map(IpAddr::is_ipv4).collect::<Vec<_>>(),
        [true, false]
    );
    let all: BTreeSet<String> = pods.0.iter().map(|pod| pod.name.clone()).collect();
    let names = |crowd: Vec<(String, String)>| {
        crowd
            .into_iter()
            .map(|(name, _)| name)
            .collect::<BTreeSet<_>>()
    };
    for ip in &ips {
        let place = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        for pod in &pods.0 {
            until("all pods are behind the service", SLOW, || {
                names(pod.crowd(&place)) == all
            });
        }
        for host in hosts.all() {
            assert_eq!(
                names(crowd(&host.sh(&ask_often(&place)))),
                all,
                "from {}",
                host.name
            );
        }
    }
    // Both are what its name leads to.
    for pod in &pods.0 {
        for family in ["-4", "-6"] {
            let said = pod.curl(&format!(
                "{family} http://both.default.svc.cluster.local/cgi-bin/who"
            ));
            assert!(
                said.is_ok_and(|said| said.contains(" saw ")),
                "{family} from {}",
                pod.name
            );
        }
    }
    for host in hosts.all() {
        for place in [
            host.address.clone(),
            format!("[{}]", host.second.as_deref().unwrap()),
        ] {
            let ask = ask_often(&format!("{place}:30090"));
            let output = hosts.router.try_sh(&ask);
            let seen = names(crowd(&String::from_utf8_lossy(&output.stdout)));
            assert_eq!(
                seen,
                all,
                "{place}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
