//! What ten thousand services cost the kernel: measured, and told; and that one more changes hardly anything.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Instant;

use nix::sched::{CloneFlags, unshare};
use serde_json::json;

use super::{key, layout, planned};
use crate::service_proxy::claims::{Changes, Desired};
use crate::service_proxy::kernel::Kernel;

const SERVICES: u32 = 10_000;
/// So many elements at most are one service of one port and two endpoints.
const MOST: usize = 10;

fn spec(number: u32) -> serde_json::Value {
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 0)) + number + 1);
    json!({"clusterIP": ip.to_string(), "ports": [{"port": 80}]})
}

/// Endpoints, of which the last octets are drawn from the number.
fn endpoints(number: u32) -> [String; 2] {
    let pod = |net: u8| format!("10.244.{net}.{}", 2 + number % 250);
    [pod(2), pod(3)]
}

fn put(desired: &mut Desired, number: u32, changes: &mut Changes) {
    let endpoints = endpoints(number);
    let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    let plan = planned(spec(number), &endpoints);
    desired.put(&key(&number.to_string()), plan, changes);
}

#[test]
fn ten_thousand_services_and_one_more() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes a network namespace and must run as root; nothing was tested"
    );
    thread::spawn(measure).join().unwrap();
}

#[allow(clippy::print_stderr, reason = "figures are for people")]
fn measure() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let begin = Instant::now();
    let mut desired = Desired::default();
    for number in 0..SERVICES {
        put(&mut desired, number, &mut Changes::default());
    }
    let planned = begin.elapsed();
    let begin = Instant::now();
    let mut kernel = Kernel::open(layout()).unwrap();
    let wanted: Vec<_> = desired.elements().collect();
    kernel.replace(&wanted).unwrap();
    let cold = begin.elapsed();
    let begin = Instant::now();
    kernel.replace(&wanted).unwrap();
    let compared = begin.elapsed();
    let mut single = Vec::new();
    for number in SERVICES..SERVICES + 100 {
        let begin = Instant::now();
        let mut changes = Changes::default();
        put(&mut desired, number, &mut changes);
        let (removed, added): (Vec<_>, Vec<_>) =
            (changes.removed().collect(), changes.added().collect());
        assert!(removed.is_empty() && added.len() <= MOST, "{added:?}");
        kernel.change(&removed, &added).unwrap();
        single.push(begin.elapsed());
    }
    single.sort();
    let (median, slowest) = (single[50], single[99]);
    eprintln!(
        "{SERVICES} services of 2 endpoints: planned in {planned:?}, {} elements put in {cold:?}, compared in {compared:?}; one more: median {median:?}, slowest {slowest:?}",
        wanted.len()
    );
}
