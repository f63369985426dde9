use std::process::Command;

use super::FlowTableConfig;
use super::kernel::Kernel;
use super::text::ruleset;
use crate::namespace::tests::in_a_namespace;

#[test]
fn connections_of_pods_alone_go_in() {
    let text = ruleset("t", "b", ["eth0", "vx"].into_iter());
    expect_test::expect![[r#"
        add table inet t
        delete table inet t
        table inet t {
          flowtable flows {
            hook ingress priority 0; devices = { "b", "eth0", "vx" };
          }
          chain forward {
            type filter hook forward priority 310; policy accept;
            meta l4proto tcp ct state established iifname "b" oifname { "b", "eth0", "vx" } flow add @flows
            meta l4proto tcp ct state established oifname "b" iifname { "b", "eth0", "vx" } flow add @flows
          }
        }
    "#]].assert_eq(&text);
}

#[test]
fn devices_by_which_others_reach_the_host_are_in_it_and_no_ports() {
    in_a_namespace(|| {
        let script = "for it in pods outer own near; do ip link add $it type bridge; ip link set $it up; done
            ip link add port type veth peer name end; ip link set port master outer; ip link set port up; ip link set end up
            ip addr add 10.244.1.1/24 dev pods; ip addr add 192.0.2.1/24 dev outer; ip addr add 192.0.2.2/24 dev port
            ip addr add fd01::1/64 dev own; ip addr add 169.254.1.1/16 dev near; ip link set lo up";
        let made = Command::new("sh").args(["-ec", script]).status().unwrap();
        assert!(made.success());
        let cluster = vec!["10.244.0.0/16".parse().unwrap()];
        let mut kernel = Kernel::open(FlowTableConfig::new("flows", "pods", cluster)).unwrap();
        let names = kernel.devices().unwrap().into_keys();
        assert_eq!(names.collect::<Vec<_>>(), ["outer", "own", "pods"]);
    });
}
