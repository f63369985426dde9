use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use navarch_client::Client;
use navarch_network::{DnsConfig, DnsServer, DnsSettings};
use serde_json::json;

use crate::cluster::{Cluster, cluster_ip, ready, until};
use crate::ip;
use crate::namespaces::Namespace;

/// The address of the service `kube-dns`.
const DNS: &str = "10.96.0.10";

/// Asks as a pod does.
pub fn ask(from: &Namespace, name: &str, kind: RecordType) -> std::io::Result<Message> {
    ask_at(from, SocketAddr::new(ip(DNS), 53), name, kind)
}

/// Asks a server.
pub fn ask_at(
    from: &Namespace,
    to: SocketAddr,
    name: &str,
    kind: RecordType,
) -> std::io::Result<Message> {
    let mut asked = Message::query();
    asked.add_query(Query::query(name.parse::<Name>().unwrap(), kind));
    let bytes = asked.to_vec().unwrap();
    let answer = from.run(move || {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.connect(to)?;
        socket.send(&bytes)?;
        let mut buffer = vec![0; 4096];
        let length = socket.recv(&mut buffer)?;
        buffer.truncate(length);
        Ok::<_, std::io::Error>(buffer)
    })?;
    Ok(Message::from_vec(&answer).unwrap())
}

pub fn addresses(message: &Message) -> Vec<IpAddr> {
    let address = |record: &Record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        _ => None,
    };
    message.answers.iter().filter_map(address).collect()
}

/// A resolver that knows these names, and what it was asked.
pub struct OtherResolver(Arc<Mutex<Vec<String>>>);

impl OtherResolver {
    pub fn start(at: &Namespace, address: &str, known: &[(&str, &str)]) -> Self {
        Self::of(at, address, known, Some(ResponseCode::NXDomain))
    }

    /// One that tells nothing of names that it does not know.
    pub fn refusing(at: &Namespace, address: &str, known: &[(&str, &str)]) -> Self {
        Self::of(at, address, known, Some(ResponseCode::Refused))
    }

    /// One that answers nothing.
    pub fn silent(at: &Namespace, address: &str) -> Self {
        Self::of(at, address, &[], None)
    }

    fn of(
        at: &Namespace,
        address: &str,
        known: &[(&str, &str)],
        unknown: Option<ResponseCode>,
    ) -> Self {
        let address = address.to_owned();
        let socket = at.run(move || std::net::UdpSocket::bind(address).unwrap());
        let known: HashMap<String, String> = known
            .iter()
            .map(|(name, ip)| ((*name).to_owned(), (*ip).to_owned()))
            .collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let query = Message::from_vec(&buffer[..length]).unwrap();
                let name = query.queries[0].name.to_lowercase().to_string();
                told.lock().unwrap().push(name);
                if let Some(unknown) = unknown {
                    let answer = answer(&query, &known, unknown);
                    socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
                }
            }
        });
        Self(asked)
    }

    /// How often it was asked for a name.
    pub fn asked(&self, name: &str) -> usize {
        let asked = self.0.lock().unwrap();
        asked.iter().filter(|asked| *asked == name).count()
    }
}

fn answer(query: &Message, known: &HashMap<String, String>, unknown: ResponseCode) -> Message {
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.queries.clone_from(&query.queries);
    let (name, kind) = (query.queries[0].name.clone(), query.queries[0].query_type);
    let owner = Record::from_rdata;
    match known.get(&name.to_lowercase().to_string()) {
        Some(ip) if kind == RecordType::A => {
            answer.add_answer(owner(name, 60, RData::A(ip.parse().unwrap())));
        }
        Some(_) => {}
        None => {
            answer.metadata.response_code = unknown;
            // So that it may be kept.
            let soa = SOA::new(name.clone(), name.clone(), 1, 60, 60, 60, 60);
            answer.authorities = vec![owner(name, 60, RData::SOA(soa))];
        }
    }
    answer
}

impl Cluster {
    /// Who is asked for other names.
    pub fn dns_settings(&self, api: &Client, place: &Path) -> DnsSettings {
        DnsSettings::follow(api, "n1", "cluster.local", place.join("settings")).unwrap()
    }

    /// How the node answers, where the host's resolver is 192.0.2.2.
    pub async fn dns(&self, place: &Path) -> DnsConfig {
        let resolv_conf = place.join("resolv.conf");
        // The first would ask us again.
        let text = "nameserver 10.96.0.10\nnameserver 192.0.2.2\n";
        std::fs::write(&resolv_conf, text).unwrap();
        DnsConfig {
            clients: Vec::new(),
            address: self.network.gateway().await.unwrap(),
            resolv_conf,
            netns: Some(self.node.host.path()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_find_services_and_the_world_by_name() {
    let cluster = Cluster::start().await;
    let (a, at_a) = cluster.pod("a").await;
    let (client, _) = cluster.pod("client").await;
    let known = [("example.com.", "203.0.113.5")];
    let others = OtherResolver::start(&cluster.outside, "192.0.2.2:53", &known);
    let place = tempfile::tempdir().unwrap();
    let config = cluster.dns(place.path()).await;
    let settings = cluster.dns_settings(&cluster.as_node(), place.path());
    let dns = DnsServer::start(config, &settings, cluster.view.clone()).unwrap();
    cluster.proxy().answer_dns_at(dns.address());
    let service = cluster.service("web", json!({}), &[ready(&at_a)]).await;
    let headless = json!({"clusterIP": "None"});
    cluster.service("db", headless, &[ready(&at_a)]).await;
    let outside = json!({"type": "ExternalName", "externalName": "example.com", "ports": null});
    let outside: k8s_openapi::api::core::v1::Service = serde_json::from_value(
        json!({"metadata": {"name": "out", "namespace": "default"}, "spec": outside}),
    )
    .unwrap();
    cluster.client.create(outside).await.unwrap();
    let web = "web.default.svc.cluster.local.";
    until("the node answers", || {
        ask(&client, web, RecordType::A).is_ok()
    })
    .await;
    for from in [&client, &a, &cluster.node.host] {
        let answer = ask(from, web, RecordType::A).unwrap();
        assert_eq!(addresses(&answer), [cluster_ip(&service)]);
        assert!(answer.metadata.authoritative);
    }
    let answer = ask(&client, "db.default.svc.cluster.local.", RecordType::A).unwrap();
    assert_eq!(addresses(&answer), at_a.ips);
    let nothing = ask(&client, "none.default.svc.cluster.local.", RecordType::A).unwrap();
    assert_eq!(nothing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(nothing.authorities.len(), 1);
    // What is not the cluster's is asked once, and then known.
    for _ in 0..3 {
        let answer = ask(&client, "example.com.", RecordType::A).unwrap();
        assert_eq!(addresses(&answer), [ip("203.0.113.5")]);
    }
    assert_eq!(others.asked("example.com."), 1);
    let name = "out.default.svc.cluster.local.";
    until("the name is known", || {
        ask(&client, name, RecordType::A).is_ok_and(|a| !a.answers.is_empty())
    })
    .await;
    let answer = ask(&client, name, RecordType::A).unwrap();
    assert_eq!(answer.answers[0].record_type(), RecordType::CNAME);
    assert_eq!(addresses(&answer), [ip("203.0.113.5")]);
    let answer = ask(&client, "nowhere.example.", RecordType::A).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    // By TCP too.
    let answer = client.run(move || {
        use std::io::{Read, Write};
        let mut asked = Message::query();
        asked.add_query(Query::query(web.parse().unwrap(), RecordType::A));
        let bytes = asked.to_vec().unwrap();
        let mut stream = std::net::TcpStream::connect((DNS, 53)).unwrap();
        stream
            .write_all(&(bytes.len() as u16).to_be_bytes())
            .unwrap();
        stream.write_all(&bytes).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut answer).unwrap();
        Message::from_vec(&answer).unwrap()
    });
    assert_eq!(addresses(&answer), [cluster_ip(&service)]);
    // What cannot be read is not answered, and does no harm.
    client.run(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(&[0xff; 40], (DNS, 53)).unwrap();
    });
    assert_eq!(
        addresses(&ask(&client, web, RecordType::A).unwrap()).len(),
        1
    );
}
