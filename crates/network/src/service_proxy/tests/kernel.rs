//! The kernel takes what is planned, of both families, and has then what was planned.

use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::service_proxy::kernel::Kernel;

/// Everything that a service can be, in IPv6 and IPv4.
fn everything() -> Plan {
    let mut service = service(json!({
        "type": "LoadBalancer", "clusterIPs": ["fd00:2::7", "10.96.0.7"], "externalIPs": ["2001:db8::9", "198.51.100.9"],
        "externalTrafficPolicy": "Local", "sessionAffinity": "ClientIP",
        "loadBalancerSourceRanges": ["2001:db8:1::/48", "2001:db8:2::/47", "192.0.2.0/24"],
        "ports": [{"port": 80, "nodePort": 30080}],
    }));
    let ingress =
        json!({"loadBalancer": {"ingress": [{"ip": "2001:db8::8"}, {"ip": "198.51.100.8"}]}});
    service.status = serde_json::from_value(ingress).unwrap();
    let v4 = ["10.244.1.2 here", "10.244.2.3"];
    let v6 = ["fd00:1::2 here", "fd00:1:0:1::3"];
    plan(
        &service,
        &[slice("", "TCP", &v4), slice("", "TCP", &v6)],
        &node(),
    )
}

#[test]
fn the_kernel_has_what_was_planned() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes a network namespace and must run as root; nothing was tested"
    );
    thread::spawn(compare).join().unwrap();
}

fn compare() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let mut kernel = Kernel::open(layout()).unwrap();
    let mut desired = Desired::default();
    desired.put(&key("web"), Some(everything()), &mut Changes::default());
    let wanted: Vec<_> = desired.elements().collect();
    kernel.replace(&wanted).unwrap();
    // What follows its name is how the table is laid out.
    let listed = |family: &str, map: &str| {
        let list = format!(
            "nft list map {family} $(nft list tables | grep -o '{family} services-.*' | cut -d' ' -f2) {map}"
        );
        let output = Command::new("sh").args(["-c", &list]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let endpoints = listed("ip6", "inside-endpoints");
    let element = "0x00000001 . 2001:db8::8 . tcp . 80 : fd00:1:0:1::3 . 8080";
    assert!(endpoints.contains(element), "{endpoints}");
    // What is there is known again, element by element: adding it once more would be refused for maps with other values.
    kernel.replace(&wanted).unwrap();
    assert_eq!(listed("ip6", "inside-endpoints"), endpoints);
    // What says where pods and services are belongs to what is there.
    for set in ["pods", "service-ranges"] {
        assert!(kernel.is_intact(&wanted).unwrap());
        let flush = format!(
            "nft flush set ip $(nft list tables | grep -o 'ip services-.*' | cut -d' ' -f2) {set}"
        );
        let flushed = Command::new("sh").args(["-c", &flush]).status().unwrap();
        assert!(flushed.success() && !kernel.is_intact(&wanted).unwrap());
        kernel.replace(&wanted).unwrap();
    }
    let mut changes = Changes::default();
    desired.put(&key("web"), None, &mut changes);
    let removed: Vec<_> = changes.removed().collect();
    kernel.change(&removed, &[]).unwrap();
    for (family, map) in [("ip6", "services"), ("ip", "sources")] {
        let listed = listed(family, map);
        assert!(
            listed.contains("map") && !listed.contains("elements"),
            "{listed}"
        );
    }
}
