//! Ends that are asked for: SIGTERM and Ctrl-C, and `navarch down`.

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use nix::sys::signal::Signal;

use super::refused::{Ended, navarch};
use crate::api_only::ApiOnly;
use crate::cluster::Cluster;
use crate::kills::containers::{Counters, group, processes_in};

/// The longest that an end may take: the program waits for nothing but what is under way.
const END: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_stopped_leaves_its_containers_to_the_next() {
    let mut cluster = Cluster::start();
    let data = cluster.data();
    let data = data.to_str().unwrap();
    let counters = Counters::start(cluster.client().await).await;
    let processes = counters.processes(&cluster.data());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        // Neither a watch nor a log that is followed holds it up.
        let _watch = cluster.kubectl().talk("get pods -w");
        let mut log = cluster.kubectl().talk("logs -f counter-0");
        log.line_with("1");
        let start = Instant::now();
        cluster.stop(signal);
        assert!(start.elapsed() < END, "{signal}: {:?}", start.elapsed());
        assert_eq!(counters.processes(&cluster.data()), processes, "{signal}");
        let status = navarch(&["status", "--data-dir", data], &[]);
        assert!(status.refused().contains("is `navarch up` running?"));
        cluster.up();
        let now = counters.processes(&cluster.data());
        assert_eq!(now, processes, "after {signal} other processes run");
        counters.are_ready_and_never_restarted().await;
    }
    counters.logs_have_no_gap().await;
    let status = navarch(&["status", "--data-dir", data], &[]);
    assert!(status.fine().contains(": ready\npods   3 of 3 running\n"));

    let down = navarch(&["down", "--data-dir", data], &[]);
    let complaint = down.refused();
    assert!(
        complaint.contains("navarch still runs on this data directory"),
        "{complaint}"
    );
    // Neither does another node of this host take its network, even while it is stopped.
    let group = group(&cluster.data());
    cluster.stop(Signal::SIGTERM);
    let other = tempfile::tempdir().unwrap();
    let arguments = [
        "--https-port=0",
        "--node-port=0",
        "--service-cidr",
        "10.127.0.0/16",
        "--bridge",
        &bridge_of(&cluster.data()),
    ];
    let up = ["up", "--data-dir", other.path().to_str().unwrap()];
    let complaint = navarch(&[&up[..], &arguments].concat(), &[]).refused();
    let owner = format!("is the one of the node in {data}");
    assert!(complaint.contains(&owner), "{complaint}");
    // Nor its addresses on a bridge of its own.
    let arguments = [
        "--https-port=0",
        "--node-port=0",
        "--bridge",
        "nvtother",
        "--service-cidr",
        "10.127.0.0/16",
        "--cluster-cidr",
        &range_of(&cluster.data()),
    ];
    let complaint = navarch(&[&up[..], &arguments].concat(), &[]).refused();
    let owner = format!("are those of the pods of the node in {data}");
    assert!(complaint.contains(&owner), "{complaint}");
    let arguments = [
        "--https-port=0",
        "--node-port=0",
        "--bridge",
        "nvtother",
        "--cluster-cidr",
        "10.128.0.0/16",
        "--service-cidr",
        &setting(&cluster.data(), "service_cidr"),
    ];
    let complaint = navarch(&[&up[..], &arguments].concat(), &[]).refused();
    let owner = format!("are those of the services of the node in {data}");
    assert!(complaint.contains(&owner), "{complaint}");
    // Nor does the node itself leave what it made behind for another bridge or other addresses.
    for (flag, asked) in [
        ("--bridge", "nvtother"),
        ("--cluster-cidr", "10.128.0.0/16"),
        ("--service-cidr", "10.128.0.0/16"),
    ] {
        let (bridge, range) = (bridge_of(&cluster.data()), range_of(&cluster.data()));
        let services = setting(&cluster.data(), "service_cidr");
        let as_before = [
            "up",
            "--https-port=0",
            "--node-port=0",
            "--data-dir",
            data,
            "--bridge",
            &bridge,
            "--cluster-cidr",
            &range,
            "--service-cidr",
            &services,
        ];
        let complaint = navarch(&[&as_before[..], &[flag, asked]].concat(), &[]).refused();
        let words = format!("and is now to have {flag} {asked}: take it down first");
        assert!(complaint.contains(&words), "{complaint}");
    }
    let down = || -> Ended { navarch(&["down", "--data-dir", data], &[]) };
    assert!(down().fine().contains("containers stopped"));
    assert!(processes_in(&group).is_empty());
    // Once more: there is nothing to do, and that is no error.
    assert!(down().fine().contains("is left on this host"));
}

/// Scheduler and controllers hold these for 15 seconds.
const LEASES: [&str; 2] = ["kube-scheduler", "kube-controller-manager"];
/// By when another has them that need not wait for them to run out.
const TAKEN: Duration = Duration::from_secs(8);

/// Who holds them.
async fn holders(leases: &Api<Lease>) -> [Option<String>; 2] {
    let [scheduler, controllers] = LEASES.map(|name| leases.get_opt(name));
    let holder = |lease: Result<Option<Lease>, _>| {
        lease
            .ok()??
            .spec?
            .holder_identity
            .filter(|it| !it.is_empty())
    };
    [holder(scheduler.await), holder(controllers.await)]
}

/// Waits until all are held by others than these.
async fn held_by_others(api: &ApiOnly, before: &[Option<String>; 2]) -> [Option<String>; 2] {
    let leases = Api::namespaced(api.client().await, "kube-system");
    let start = Instant::now();
    loop {
        let now = holders(&leases).await;
        let is_new = |(now, other): (&Option<String>, _)| now.is_some() && now != other;
        if now.iter().zip(before).all(is_new) {
            return now;
        }
        assert!(start.elapsed() < TAKEN, "{now:?}\n{}", api.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Scheduler and controllers give their leases back when they are stopped, so that those of another host go on at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_a_server_that_was_stopped_leads_at_once() {
    let mut api = ApiOnly::with_everything().await;
    let before = held_by_others(&api, &[None, None]).await;
    api.stop_and_restart_elsewhere();
    held_by_others(&api, &before).await;
}

/// The bridge of the node in a data directory.
fn bridge_of(data: &Path) -> String {
    setting(data, "bridge")
}

/// The addresses of its cluster's pods.
fn range_of(data: &Path) -> String {
    setting(data, "cluster_cidr")
}

fn setting(data: &Path, name: &str) -> String {
    let settings = std::fs::read(data.join("host.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_slice(&settings).unwrap();
    settings[name].as_str().unwrap().to_owned()
}
