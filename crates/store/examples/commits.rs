//! Measures the embedded store: commits of 1 KiB in a fresh directory and after a restart, and what an entry weighs.
//!
//! `cargo run --release -p navarch-store --example commits -- [DIR [IN-FLIGHT…]]`
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use navarch_store::{Embedded, Op, Options, Range, Store, Transaction};

/// What a small Kubernetes object looks like to a compressor: half of it repeats, half of it does not.
fn value(seed: u64) -> Vec<u8> {
    let mut value =
        b"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"resourceVersion\":\"\""
            .to_vec();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while value.len() < 1024 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        value.extend_from_slice(format!(",\"key-{:016x}\":\"a value\"", state).as_bytes());
    }
    value.truncate(1024);
    value
}

fn put(key: u64, seed: u64) -> Transaction {
    let key = format!("configmaps/team-{}/object-{key:07}", key % 10);
    Transaction {
        compare: vec![],
        ops: vec![Op::Put {
            key: key.into(),
            value: value(seed).into(),
            stamp: Some(69),
        }],
    }
}

async fn load(store: &Arc<Embedded>, flight: u64, span: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..flight)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while start.elapsed() < span {
                    let seed = times.len() as u64 * flight + task;
                    let transaction = put(seed.wrapping_mul(7919) % 10_000, seed);
                    let begun = Instant::now();
                    store.commit(transaction).await.unwrap();
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times.sort();
    times
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn flights(name: &str, store: &Arc<Embedded>, flights: &[u64]) {
    for &flight in flights {
        let span = Duration::from_secs(4);
        let times = load(store, flight, span).await;
        let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
        println!(
            "{name}: {flight:3} in flight: {:6.0} puts/s, p50 {:.3} ms, p99 {:.3} ms, max {:.1} ms",
            times.len() as f64 / span.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

fn open(dir: &PathBuf) -> Arc<Embedded> {
    let begun = Instant::now();
    let store = Arc::new(Embedded::open(dir, Options::default()).unwrap());
    let status = store.status();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    println!(
        "opened {} keys in {took:.1} ms, {} MiB on disk, {} KiB resident",
        status.keys,
        status.disk_bytes >> 20,
        resident()
    );
    store
}

#[tokio::main]
async fn main() {
    if std::env::args().nth(2).is_some_and(|mode| mode == "weigh") {
        return weigh(&std::env::args().nth(1).map(PathBuf::from).unwrap());
    }
    let mut in_flight: Vec<u64> = std::env::args()
        .skip(2)
        .map(|n| n.parse().unwrap())
        .collect();
    if in_flight.is_empty() {
        in_flight = vec![1, 8, 32, 128];
    }
    let dir = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join("navarch-commits");
    let _ = std::fs::remove_dir_all(&dir);
    let store = open(&dir);
    flights("fresh", &store, &in_flight).await;
    drop(store);
    let store = open(&dir);
    flights("restarted", &store, &in_flight).await;
    store.compact(store.status().revision).await.unwrap();
    println!("{} KiB resident with no history", resident());
    let fill: Vec<_> = (0..128u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..800 {
                    store.commit(put(task * 800 + n, n)).await.unwrap();
                }
            })
        })
        .collect();
    for task in fill {
        task.await.unwrap();
    }
    drop(store);
    // In a process of its own: what this one holds beside the entries would count.
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .arg(&dir)
        .arg("weigh")
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Opens what is there and says what an entry takes and how fast it is read.
fn weigh(dir: &PathBuf) {
    let before = resident();
    let store = open(dir);
    let keys = store.status().keys as u64;
    println!(
        "{} bytes an entry of 1024",
        (resident() - before) * 1024 / keys
    );
    let snapshot = store.snapshot();
    let page = Range {
        prefix: "configmaps/".into(),
        after: None,
        limit: 500,
    };
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(snapshot.range(&page).entries.len(), 500);
    }
    println!(
        "a page of 500 of {keys}: {:.0} µs",
        begun.elapsed().as_secs_f64() * 1e4
    );
}
