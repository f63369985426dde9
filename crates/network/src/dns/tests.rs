use std::fmt::Write as _;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_client::Snapshot;
use serde_json::{Value, json};

use super::cache::Cache;
use super::settings::Server;
use super::silent::Silent;
use super::zone::{Outcome, Zone};
use super::{reply, resolv_conf};
use crate::service_proxy::ServiceView;

#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn service(name: &str, spec: Value) -> Service {
    let (namespace, name) = name.split_once('/').unwrap();
    let metadata = json!({"name": name, "namespace": namespace});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn slice(name: &str, service: &str, endpoints: Value) -> EndpointSlice {
    let labels = json!({"kubernetes.io/service-name": service});
    let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    }))
    .unwrap()
}

fn services() -> Snapshot<Service> {
    let ports =
        json!([{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    let all = [
        service("kube-system/kube-dns", json!({"clusterIP": "10.96.0.10"})),
        service(
            "shop/web",
            json!({"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00::7"], "ports": ports}),
        ),
        service("shop/db", json!({"clusterIP": "None", "ports": ports})),
        service("shop/nobody", json!({"clusterIP": "None"})),
        service(
            "shop/out",
            json!({"type": "ExternalName", "externalName": "example.com"}),
        ),
        service(
            "shop/within",
            json!({"type": "ExternalName", "externalName": "web.shop.svc.cluster.local."}),
        ),
    ];
    Snapshot::of(all, &[ServiceView::by_address()])
}

fn slices() -> Snapshot<EndpointSlice> {
    let ready = |ip: &str, more: Value| {
        let mut endpoint = json!({"addresses": [ip], "conditions": {"ready": true}});
        for (key, value) in more.as_object().unwrap() {
            endpoint[key] = value.clone();
        }
        endpoint
    };
    let db = json!([
        ready("10.244.1.2", json!({"hostname": "db-0"})),
        ready("10.244.1.3", json!({})),
        ready(
            "10.244.1.4",
            json!({"hostname": "db-2", "conditions": {"ready": false}})
        ),
    ]);
    let web = json!([ready("10.244.1.5", json!({"hostname": "x"}))]);
    let all = [slice("db-1", "db", db), slice("web-1", "web", web)];
    Snapshot::of(
        all,
        &[ServiceView::by_service(), ServiceView::by_endpoint()],
    )
}

fn look_up(name: &str, kind: RecordType) -> String {
    let (domain, services, slices) = (
        Name::from_str("cluster.local.").unwrap(),
        services(),
        slices(),
    );
    let zone = Zone {
        domain: &domain,
        services: &services,
        slices: &slices,
    };
    let mut text = String::new();
    match zone.look_up(&Name::from_str(name).unwrap(), kind) {
        Outcome::Records {
            answers,
            additionals,
        } => {
            for record in &answers {
                writeln!(text, "{record}").unwrap();
            }
            for record in &additionals {
                writeln!(text, "  {record}").unwrap();
            }
            if answers.is_empty() {
                text.push_str("nothing of that type\n");
            }
        }
        Outcome::Alias(record, target) => writeln!(text, "{record}, so {target}").unwrap(),
        Outcome::NoSuchName => text.push_str("no such name\n"),
        Outcome::NotOurs => text.push_str("not ours\n"),
    }
    text
}

fn check(cases: &[(&str, RecordType)], expected: &Expect) {
    let mut text = String::new();
    for (name, kind) in cases {
        write!(text, "# {name} {kind}\n{}", look_up(name, *kind)).unwrap();
    }
    expected.assert_eq(&text);
}

#[test]
fn a_service_with_an_address() {
    use RecordType::{A, AAAA, MX, SRV};
    check(
        &[
            ("web.shop.svc.cluster.local.", A),
            ("WEB.Shop.svc.CLUSTER.local.", AAAA),
            ("web.shop.svc.cluster.local.", MX),
            ("_http._tcp.web.shop.svc.cluster.local.", SRV),
            ("_http._tcp.web.shop.svc.cluster.local.", A),
            ("_http._udp.web.shop.svc.cluster.local.", SRV),
            ("_tcp.web.shop.svc.cluster.local.", A),
            ("_sctp.web.shop.svc.cluster.local.", A),
            ("web.shop.svc.cluster.local.", SRV),
            ("other.shop.svc.cluster.local.", A),
            ("web.other.svc.cluster.local.", A),
            ("example.com.shop.svc.cluster.local.", A),
        ],
        &expect![[r#"
            # web.shop.svc.cluster.local. A
            web.shop.svc.cluster.local. 5 IN A 10.96.0.7
            # WEB.Shop.svc.CLUSTER.local. AAAA
            web.shop.svc.cluster.local. 5 IN AAAA fd00::7
            # web.shop.svc.cluster.local. MX
            nothing of that type
            # _http._tcp.web.shop.svc.cluster.local. SRV
            _http._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.
              web.shop.svc.cluster.local. 5 IN A 10.96.0.7
              web.shop.svc.cluster.local. 5 IN AAAA fd00::7
            # _http._tcp.web.shop.svc.cluster.local. A
            nothing of that type
            # _http._udp.web.shop.svc.cluster.local. SRV
            no such name
            # _tcp.web.shop.svc.cluster.local. A
            nothing of that type
            # _sctp.web.shop.svc.cluster.local. A
            no such name
            # web.shop.svc.cluster.local. SRV
            web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.
            web.shop.svc.cluster.local. 5 IN SRV 0 100 53 web.shop.svc.cluster.local.
              web.shop.svc.cluster.local. 5 IN A 10.96.0.7
              web.shop.svc.cluster.local. 5 IN AAAA fd00::7
            # other.shop.svc.cluster.local. A
            no such name
            # web.other.svc.cluster.local. A
            no such name
            # example.com.shop.svc.cluster.local. A
            no such name
        "#]],
    );
}

#[test]
fn a_service_without_an_address() {
    use RecordType::{A, SRV};
    check(
        &[
            ("db.shop.svc.cluster.local.", A),
            ("db-0.db.shop.svc.cluster.local.", A),
            ("10-244-1-3.db.shop.svc.cluster.local.", A),
            ("db-2.db.shop.svc.cluster.local.", A),
            ("_dns._udp.db.shop.svc.cluster.local.", SRV),
            ("nobody.shop.svc.cluster.local.", A),
        ],
        &expect![[r#"
            # db.shop.svc.cluster.local. A
            db.shop.svc.cluster.local. 5 IN A 10.244.1.2
            db.shop.svc.cluster.local. 5 IN A 10.244.1.3
            # db-0.db.shop.svc.cluster.local. A
            db-0.db.shop.svc.cluster.local. 5 IN A 10.244.1.2
            # 10-244-1-3.db.shop.svc.cluster.local. A
            10-244-1-3.db.shop.svc.cluster.local. 5 IN A 10.244.1.3
            # db-2.db.shop.svc.cluster.local. A
            no such name
            # _dns._udp.db.shop.svc.cluster.local. SRV
            _dns._udp.db.shop.svc.cluster.local. 5 IN SRV 0 100 53 db-0.db.shop.svc.cluster.local.
            _dns._udp.db.shop.svc.cluster.local. 5 IN SRV 0 100 53 10-244-1-3.db.shop.svc.cluster.local.
              db-0.db.shop.svc.cluster.local. 5 IN A 10.244.1.2
              10-244-1-3.db.shop.svc.cluster.local. 5 IN A 10.244.1.3
            # nobody.shop.svc.cluster.local. A
            no such name
        "#]],
    );
}

#[test]
fn names_that_stand_for_others() {
    use RecordType::{A, CNAME};
    check(
        &[
            ("out.shop.svc.cluster.local.", A),
            ("out.shop.svc.cluster.local.", CNAME),
            ("within.shop.svc.cluster.local.", A),
        ],
        &expect![[r#"
            # out.shop.svc.cluster.local. A
            out.shop.svc.cluster.local. 5 IN CNAME example.com., so example.com.
            # out.shop.svc.cluster.local. CNAME
            out.shop.svc.cluster.local. 5 IN CNAME example.com.
            # within.shop.svc.cluster.local. A
            within.shop.svc.cluster.local. 5 IN CNAME web.shop.svc.cluster.local., so web.shop.svc.cluster.local.
        "#]],
    );
}

#[test]
fn the_domain_itself_and_what_lies_between() {
    use RecordType::{A, NS, SOA, TXT};
    check(
        &[
            ("cluster.local.", SOA),
            ("cluster.local.", NS),
            ("cluster.local.", A),
            ("ns.dns.cluster.local.", A),
            ("dns-version.cluster.local.", TXT),
            ("svc.cluster.local.", A),
            ("shop.svc.cluster.local.", A),
            ("other.svc.cluster.local.", A),
            ("nonsense.cluster.local.", A),
            ("example.com.", A),
            ("local.", A),
        ],
        &expect![[r#"
            # cluster.local. SOA
            cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
            # cluster.local. NS
            cluster.local. 5 IN NS ns.dns.cluster.local.
            # cluster.local. A
            nothing of that type
            # ns.dns.cluster.local. A
            ns.dns.cluster.local. 5 IN A 10.96.0.10
            # dns-version.cluster.local. TXT
            dns-version.cluster.local. 5 IN TXT 1.1.0
            # svc.cluster.local. A
            nothing of that type
            # shop.svc.cluster.local. A
            nothing of that type
            # other.svc.cluster.local. A
            no such name
            # nonsense.cluster.local. A
            no such name
            # example.com. A
            not ours
            # local. A
            not ours
        "#]],
    );
}

#[test]
fn pods_by_their_addresses() {
    use RecordType::{A, AAAA};
    check(
        &[
            ("10-244-1-2.shop.pod.cluster.local.", A),
            ("fd00--2.shop.pod.cluster.local.", AAAA),
            ("10-244-1-2.shop.pod.cluster.local.", AAAA),
            ("web-0.shop.pod.cluster.local.", A),
        ],
        &expect![[r#"
            # 10-244-1-2.shop.pod.cluster.local. A
            10-244-1-2.shop.pod.cluster.local. 5 IN A 10.244.1.2
            # fd00--2.shop.pod.cluster.local. AAAA
            fd00--2.shop.pod.cluster.local. 5 IN AAAA fd00::2
            # 10-244-1-2.shop.pod.cluster.local. AAAA
            nothing of that type
            # web-0.shop.pod.cluster.local. A
            no such name
        "#]],
    );
}

#[test]
fn addresses_have_names() {
    use RecordType::PTR;
    check(
        &[
            ("7.0.96.10.in-addr.arpa.", PTR),
            ("2.1.244.10.in-addr.arpa.", PTR),
            ("5.1.244.10.in-addr.arpa.", PTR),
            ("1.244.10.in-addr.arpa.", PTR),
            ("8.8.8.8.in-addr.arpa.", PTR),
        ],
        &expect![[r#"
            # 7.0.96.10.in-addr.arpa. PTR
            7.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local.
            # 2.1.244.10.in-addr.arpa. PTR
            2.1.244.10.in-addr.arpa. 5 IN PTR db-0.db.shop.svc.cluster.local.
            # 5.1.244.10.in-addr.arpa. PTR
            not ours
            # 1.244.10.in-addr.arpa. PTR
            not ours
            # 8.8.8.8.in-addr.arpa. PTR
            not ours
        "#]],
    );
}

fn query(name: &str) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_str(name).unwrap(), RecordType::A));
    message
}

fn record(name: &str, ttl: u32, last: u8) -> Record {
    let ip = A::new(192, 0, 2, last);
    Record::from_rdata(Name::from_str(name).unwrap(), ttl, RData::A(ip))
}

#[test]
fn answers_have_the_size_that_the_asker_takes() {
    let mut asked = query("db.shop.svc.cluster.local.");
    assert_eq!(reply::payload(&asked), 512);
    let answer = |asked: &Message| {
        let mut answer = reply::to(asked, ResponseCode::NoError);
        answer.answers = (0..200).map(|last| record("db.", 5, last)).collect();
        answer
    };
    let small = reply::encode(answer(&asked), 512).unwrap();
    let read = Message::from_vec(&small).unwrap();
    assert!(small.len() <= 512 && read.metadata.truncation && !read.answers.is_empty());
    let whole = reply::encode(answer(&asked), reply::MAX_MESSAGE).unwrap();
    let read = Message::from_vec(&whole).unwrap();
    assert!(!read.metadata.truncation);
    assert_eq!(read.answers.len(), 200);
    assert_eq!(read.metadata.id, asked.metadata.id);
    for (offered, taken) in [(100, 512), (900, 900), (4096, 1232)] {
        let mut edns = Edns::new();
        edns.set_max_payload(offered);
        asked.edns = Some(edns);
        assert_eq!(reply::payload(&asked), taken);
    }
}

#[test]
fn several_answers_take_turns() {
    let mut answers: Vec<Record> = (0..3).map(|last| record("db.", 5, last)).collect();
    let before = answers.clone();
    reply::rotate(&mut answers, 4);
    assert_eq!(
        answers,
        [before[1].clone(), before[2].clone(), before[0].clone()]
    );
    reply::rotate(&mut [], 4);
}

#[test]
fn what_others_answered_is_kept_for_as_long_as_it_holds() {
    let mut cache = Cache::new();
    let now = Instant::now();
    let later = |seconds| now + Duration::from_secs(seconds);
    let asked = query("Example.com.");
    let mut answer = reply::to(&asked, ResponseCode::NoError);
    answer.answers = vec![record("example.com.", 20, 1)];
    assert_eq!(cache.get(&asked, now), None);
    cache.put(&asked, &answer, now);
    let again = query("example.COM.");
    let known = cache.get(&again, later(5)).unwrap();
    assert_eq!(known.metadata.id, again.metadata.id);
    assert_eq!(known.answers[0].ttl, 15);
    assert_eq!(cache.get(&asked, later(20)), None);
    // However long it says, not longer than this.
    answer.answers[0].ttl = 86_400;
    cache.put(&asked, &answer, now);
    assert!(cache.get(&asked, later(29)).is_some());
    assert_eq!(cache.get(&asked, later(30)), None);
    // A failure may be over by the next question; and one that says nothing of how long it holds does not.
    for code in [ResponseCode::ServFail, ResponseCode::NXDomain] {
        cache.put(&asked, &reply::to(&asked, code), now);
        assert_eq!(cache.get(&asked, now), None);
    }
}

#[test]
fn whoever_was_silent_is_asked_last_for_a_while() {
    let at = |last| Server::At(([192, 0, 2, last], 53).into());
    let [a, b, c] = [1, 2, 3].map(at);
    let three = [a.clone(), b.clone(), c.clone()];
    let of = |order: [&Server; 3]| order.map(Clone::clone);
    let (now, mut silent) = (Instant::now(), Silent::default());
    let later = |seconds| now + Duration::from_secs(seconds);
    assert_eq!(silent.last(&three, now), three);
    silent.note(a.clone(), now);
    silent.note(b.clone(), later(5));
    assert_eq!(silent.last(&three, later(5)), of([&c, &a, &b]));
    assert_eq!(silent.last(&three, later(10)), of([&a, &c, &b]));
    assert_eq!(silent.last(&three, later(15)), three);
}

#[test]
fn the_hosts_resolvers_without_those_that_would_ask_us() {
    let text = "# a comment\nsearch example.com\nnameserver 10.96.0.10\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver 192.0.2.53 # ours\nnameserver 192.0.2.54\n";
    let own = |server: SocketAddr| server.to_string() == "10.96.0.10:53";
    let servers: Vec<String> = resolv_conf::servers(text, own)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(servers, ["127.0.0.53:53", "192.0.2.53:53"]);
}
