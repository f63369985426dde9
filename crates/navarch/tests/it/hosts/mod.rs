//! Several hosts, each a network namespace with an agent and a data directory of its own, and a server in one more.

mod balancers;
mod cases;
mod checks;
mod churn;
mod encrypted;
mod families;
mod harness;
mod load;
mod moves;
mod plugins;
mod pods;
mod reference_plugins;
mod rollouts;

use harness::{Hosts, OTHER};
use load::Connections;
use pods::Pods;

/// All on one segment: packets go straight.
#[test]
fn three_hosts_on_one_segment_are_one_network() {
    let told = [
        "--node-labels=example.com/rack=7,topology.kubernetes.io/zone=z1",
        "--register-with-taints=example.com/spare=yes:PreferNoSchedule",
    ];
    let mut hosts = Hosts::start(&[1, 1, 1], &told);
    cases::nodes_say_what_they_were_told(&hosts);
    let pods = Pods::start(&hosts);
    let ways = hosts.host(0).sh("ip route show proto 110; ip -o link");
    assert!(ways.contains("dev eth0") && !ways.contains("-vx"), "{ways}");
    cases::pods_reach_each_other(&pods);
    cases::services_lead_to_all_hosts(&hosts, &pods);
    cases::names_and_the_api_are_known_everywhere(&hosts, &pods);
    cases::node_ports_lead_to_all_hosts(&hosts, &pods);
    cases::streams_reach_pods_of_all_hosts(&hosts);
    cases::a_link_goes_down_and_comes_up(&hosts, &pods);
    cases::an_agent_is_killed_while_traffic_flows(&mut hosts, &pods);
    cases::the_server_is_gone(&mut hosts, &pods);
    cases::a_node_is_drained_and_removed(&hosts);
}

/// Two of them behind a router that knows no pod: packets go through the tunnel.
#[test]
fn three_hosts_on_two_segments_are_one_network() {
    let mut hosts = Hosts::start(&[1, 2, 2], &[]);
    let pods = Pods::start(&hosts);
    let ways = hosts.host(1).sh("ip route show proto 110");
    assert!(
        ways.contains("dev eth0") && ways.contains("dev navarch0-vx"),
        "{ways}"
    );
    cases::pods_reach_each_other(&pods);
    cases::services_lead_to_all_hosts(&hosts, &pods);
    cases::names_and_the_api_are_known_everywhere(&hosts, &pods);
    cases::node_ports_lead_to_all_hosts(&hosts, &pods);
    cases::streams_reach_pods_of_all_hosts(&hosts);
    cases::a_link_is_slow_and_loses_packets(&hosts, &pods);
    cases::an_agent_is_killed_while_traffic_flows(&mut hosts, &pods);
    cases::a_node_is_deleted(&mut hosts);
}

/// Two behind a router from each other, all with addresses of both families.
#[test]
fn hosts_of_both_families_are_one_network_in_both() {
    let hosts = Hosts::of_both(&[1, 1, 2]);
    let pods = Pods::start(&hosts);
    families::pods_have_addresses_of_both(&hosts, &pods);
    families::a_service_of_both_leads_to_all_hosts(&hosts, &pods);
    families::nodes_serve_at_both(&hosts);
    checks::finds_all_well(&hosts);
    checks::finds_what_is_wrong(&hosts);
    checks::may_be_stopped(&hosts);
    cases::pods_reach_each_other(&pods);
    cases::services_lead_to_all_hosts(&hosts, &pods);
}

/// The same, and what goes between them is encrypted.
#[test]
fn what_goes_between_hosts_can_be_encrypted() {
    let mut hosts = Hosts::of_both_with(&[1, 1, 2], "--pod-encryption=wireguard");
    encrypted::look(&hosts);
    let pods = Pods::start(&hosts);
    encrypted::nodes_say_their_keys(&hosts);
    families::pods_have_addresses_of_both(&hosts, &pods);
    families::a_service_of_both_leads_to_all_hosts(&hosts, &pods);
    cases::pods_reach_each_other(&pods);
    cases::services_lead_to_all_hosts(&hosts, &pods);
    cases::node_ports_lead_to_all_hosts(&hosts, &pods);
    encrypted::an_agent_is_killed(&mut hosts, &pods);
    encrypted::an_agent_starts_while_the_api_is_away(&mut hosts, &pods);
    cases::pods_reach_each_other(&pods);
    moves::while_its_agent_is_away(&mut hosts, &pods, 1, "192.168.1.22");
    cases::a_node_is_deleted(&mut hosts);
    encrypted::nothing_was_clear(&hosts);
}

/// One behind a router from the others, too.
#[test]
fn a_node_that_changes_its_address_is_followed() {
    let mut hosts = Hosts::start(&[1, 1, 2], &[]);
    let pods = Pods::start(&hosts);
    moves::while_its_agent_runs(&mut hosts, &pods, 1, "192.168.1.22");
    moves::while_its_agent_runs(&mut hosts, &pods, 2, "192.168.2.33");
    moves::while_its_agent_is_away(&mut hosts, &pods, 2, "192.168.2.44");
}

/// The same, where what goes between them is encrypted.
#[test]
fn a_node_that_changes_its_address_is_encrypted_for_there() {
    let mut hosts = Hosts::start(&[1, 1, 2], &["--pod-encryption=wireguard"]);
    let pods = Pods::start(&hosts);
    moves::while_its_agent_runs(&mut hosts, &pods, 1, "192.168.1.22");
    moves::while_its_agent_runs(&mut hosts, &pods, 2, "192.168.2.33");
}

/// Nodes answer for load balancers' addresses on their segment.
#[test]
fn a_load_balancer_s_address_is_one_host_s_at_a_time() {
    let hosts = Hosts::with_balancers(&[1, 1], balancers::POOL);
    let pods = Pods::start(&hosts);
    balancers::an_address_leads_to_all_hosts(&hosts, &pods);
    balancers::traffic_stays_on_its_host(&hosts);
    balancers::an_address_is_freed_for_the_next(&hosts);
    balancers::another_host_takes_over(&hosts);
}

/// What comes to one address of the server is lost without a word, and later what comes to the other.
#[test]
fn agents_go_over_to_another_address_of_the_server() {
    let other = format!("--server=https://{OTHER}:6443");
    let hosts = Hosts::start(&[1, 1], &[&other]);
    cases::the_server_is_at_another_address(&hosts);
}

/// Pods that are replaced are told to stop when no host leads to them any more.
#[test]
fn roll_outs_lose_no_request_from_another_host() {
    let hosts = Hosts::start(&[1, 1, 1], &[]);
    let address = rollouts::deploy(&hosts);
    rollouts::lose_no_request(&hosts, address, Connections::New);
    rollouts::lose_no_request(&hosts, address, Connections::Kept);
    rollouts::wait_for_a_slow_node(&hosts, address);
}

/// Agents are killed while pods come and go.
#[test]
fn pods_that_come_and_go_leave_nothing() {
    let mut hosts = Hosts::start(&[1, 1, 1], &[]);
    churn::leaves_nothing(&mut hosts);
}

/// A node whose pods are connected by plugins that others have put there.
#[test]
fn plugins_of_others_connect_pods() {
    let plugins = plugins::plugins();
    let directory = plugins.path().display().to_string();
    let hosts = Hosts::by_plugins(&directory, &directory);
    let pods = Pods::start(&hosts);
    plugins::connect_pods(&hosts, &pods, &plugins);
    plugins::are_gone(&hosts, &plugins);
}

/// One whose pods the reference plugins connect.
#[test]
fn the_reference_plugins_connect_pods() {
    let plugins = reference_plugins::configuration();
    let directory = plugins.path().display().to_string();
    let programs = reference_plugins::PROGRAMS.join(",");
    let mut hosts = Hosts::by_plugins(&directory, &programs);
    let pods = Pods::start(&hosts);
    reference_plugins::connect_pods(&hosts, &pods, &plugins);
    checks::finds_no_policies(&hosts);
    reference_plugins::leave_nothing_of_a_pod(&mut hosts, &plugins);
    reference_plugins::leave_nothing_of_a_sandbox(&mut hosts, &pods, &plugins);
    reference_plugins::take_shared_away(&hosts);
}
