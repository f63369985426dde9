//! How fast pods of two nodes exchange data, straight and through the tunnel, beside the bare devices: what the default is chosen by.
//! `cargo test -p navarch-network --test it -- --ignored --nocapture speed`

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use navarch_network::Transport;

use super::{Hosts, reaches};
use crate::cluster::until;
use crate::{ip, namespaces::Namespace};

/// How long each is measured.
const FOR: Duration = Duration::from_secs(3);

/// Gigabits a second that `from` sends to `to`.
fn throughput(from: &Namespace, to: (&Namespace, IpAddr)) -> f64 {
    let listener = to.0.run(|| TcpListener::bind(("0.0.0.0", 5001)).unwrap());
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut buffer, mut all) = (vec![0; 1 << 20], 0);
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            all += length;
        }
        all
    });
    let at = SocketAddr::from((to.1, 5001));
    let took = from.run(move || {
        let mut stream = TcpStream::connect(at).unwrap();
        let (buffer, start) = (vec![7; 1 << 20], Instant::now());
        while start.elapsed() < FOR {
            stream.write_all(&buffer).unwrap();
        }
        start
    });
    let all = reader.join().unwrap();
    all as f64 * 8.0 / took.elapsed().as_secs_f64() / 1e9
}

/// The time of an exchange of one octet, in microseconds, at the median.
fn latency(from: &Namespace, to: (&Namespace, IpAddr)) -> f64 {
    let listener = to.0.run(|| TcpListener::bind(("0.0.0.0", 5002)).unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut octet = [0];
        while stream.read_exact(&mut octet).is_ok() && stream.write_all(&octet).is_ok() {}
    });
    let at = SocketAddr::from((to.1, 5002));
    from.run(move || {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut times: Vec<Duration> = (0..20_000)
            .map(|_| {
                let (start, mut octet) = (Instant::now(), [1]);
                stream.write_all(&octet).unwrap();
                stream.read_exact(&mut octet).unwrap();
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    })
}

fn tell(what: &str, from: &Namespace, to: (&Namespace, IpAddr)) {
    let rates: Vec<f64> = (0..3).map(|_| throughput(from, to)).collect();
    let best = rates.iter().copied().fold(0.0, f64::max);
    let latency = latency(from, to);
    eprintln!("{what}: {best:.2} Gbit/s of {rates:.2?}; {latency:.1} µs there and back");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and proves nothing"]
async fn speed() {
    for transport in [Transport::Auto, Transport::Vxlan] {
        let hosts = Hosts::new().await;
        let mut a = hosts.host_by("a", 1, 1, transport).await;
        let mut b = hosts.host_by("b", 1, 2, transport).await;
        let (one, other) = (a.pod("a").await, b.pod("b").await);
        other.0.answer(8080, "b");
        until("b is reached", || reaches(&one, &other)).await;
        if transport == Transport::Auto {
            let near = a.pod("near").await;
            tell("pods of one node", &one.0, (&near.0, near.1));
            a.without_flow_table().await;
            let judged = "pods of one node, all packets judged";
            tell(judged, &one.0, (&near.0, near.1));
            a.start().await;
            tell(
                "bare veth and bridge between the hosts",
                &a.node.host,
                (&b.node.host, ip("192.168.1.2")),
            );
        } else {
            // Two devices of the same kind, with addresses of their own.
            for (host, own, peer, mac, its, at) in [
                (
                    &a.node.host,
                    "10.9.0.1",
                    "10.9.0.2",
                    "02:00:00:00:00:01",
                    "02:00:00:00:00:02",
                    "192.168.1.2",
                ),
                (
                    &b.node.host,
                    "10.9.0.2",
                    "10.9.0.1",
                    "02:00:00:00:00:02",
                    "02:00:00:00:00:01",
                    "192.168.1.1",
                ),
            ] {
                host.sh(&format!(
                    "ip link add bare type vxlan id 77 dstport 4790 nolearning && ip link set bare address {mac} mtu 1450 up && ip addr add {own}/24 dev bare && \
                     ip neigh add {peer} lladdr {its} dev bare nud permanent && bridge fdb add {its} dev bare dst {at} self permanent"
                ));
            }
            tell(
                "bare VXLAN between the hosts",
                &a.node.host,
                (&b.node.host, ip("10.9.0.2")),
            );
        }
        let pods = format!("pods of two nodes, {transport:?}");
        tell(&pods, &one.0, (&other.0, other.1));
        a.without_flow_table().await;
        b.without_flow_table().await;
        let judged = format!("{pods}, all packets judged");
        tell(&judged, &one.0, (&other.0, other.1));
    }
    let mut hosts = Hosts::new().await;
    hosts.encrypted = true;
    let a = hosts.host("a", 1, 1).await;
    let b = hosts.host("b", 1, 2).await;
    let (one, other) = (a.pod("a").await, b.pod("b").await);
    other.0.answer(8080, "b");
    until("b is reached", || reaches(&one, &other)).await;
    let device = a.node.host.sh("ip -d -o link show navarch0-wg");
    let by = match device.contains("wireguard") {
        true => "the kernel",
        false => "this program",
    };
    tell(
        &format!("pods of two nodes, encrypted by {by}"),
        &one.0,
        (&other.0, other.1),
    );
}
