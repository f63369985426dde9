use std::fmt::Write as _;
use std::str::FromStr;

use expect_test::expect;
use hickory_proto::rr::Name;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use super::{InvalidSettings, Server, Settings};

fn read(data: &Value) -> Result<Settings, InvalidSettings> {
    let map: ConfigMap = serde_json::from_value(json!({"data": data})).unwrap();
    Settings::read(&map, &Name::from_str("cluster.local.").unwrap())
}

fn stub_domains(value: &Value) -> Result<Settings, InvalidSettings> {
    read(&json!({"stubDomains": value.to_string()}))
}

fn asked(settings: &Settings, name: &str) -> String {
    let name = Name::from_str(name).unwrap();
    let (_, servers) = settings.closest(&name).unzip();
    let servers = servers
        .unwrap_or_default()
        .iter()
        .map(|server| match server {
            Server::At(address) => address.to_string(),
            Server::Named(name, port) => format!("{name} {port}"),
        });
    servers.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_closest_stub_domain_has_a_name() {
    let settings = stub_domains(&json!({
        "corp.example": ["192.0.2.1", "192.0.2.2:5353"],
        "deep.corp.example": ["2001:db8::1", "[2001:db8::2]:5353"],
        "10.in-addr.arpa": ["dns.example.com", "dns.shop.svc.cluster.local:5353"],
        "legacy.cluster.local": ["192.0.2.3"],
        "nobody.example": [],
    }));
    let settings = settings.unwrap();
    let mut text = String::new();
    for name in [
        "corp.example.",
        "Db.CORP.example.",
        "x.deep.corp.example.",
        "notcorp.example.",
        "example.",
        ".",
        "7.0.0.10.in-addr.arpa.",
        "a.nobody.example.",
    ] {
        writeln!(text, "{name}: {}", asked(&settings, name)).unwrap();
    }
    expect![[r#"
        corp.example.: 192.0.2.1:53, 192.0.2.2:5353
        Db.CORP.example.: 192.0.2.1:53, 192.0.2.2:5353
        x.deep.corp.example.: [2001:db8::1]:53, [2001:db8::2]:5353
        notcorp.example.: 
        example.: 
        .: 
        7.0.0.10.in-addr.arpa.: dns.example.com. 53, dns.shop.svc.cluster.local. 5353
        a.nobody.example.: 
    "#]]
    .assert_eq(&text);
    let domain = Name::from_str("cluster.local.").unwrap();
    let takes = |name| settings.takes_from(&domain, &Name::from_str(name).unwrap());
    assert!(takes("x.legacy.cluster.local."));
    assert!(!takes("web.shop.svc.cluster.local.") && !takes("corp.example."));
}

#[test]
fn upstream_nameservers_are_addresses() {
    let upstream = json!(["192.0.2.1", "192.0.2.2:5353", "2001:db8::1"]).to_string();
    let settings = read(&json!({"upstreamNameservers": upstream})).unwrap();
    let upstream: Vec<String> = settings.upstream.iter().map(ToString::to_string).collect();
    assert_eq!(
        upstream,
        ["192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53"]
    );
    for nothing in [
        json!({}),
        json!({"stubDomains": " ", "upstreamNameservers": "null"}),
    ] {
        assert_eq!(read(&nothing).unwrap(), Settings::default());
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let mut text = String::new();
    let upstream = |value: Value| read(&json!({"upstreamNameservers": value.to_string()}));
    for refused in [
        read(&json!({"stubDomains": "{"})),
        read(&json!({"stubDomains": "{\"a.example\": \"192.0.2.1\"}"})),
        stub_domains(&json!({"-a": ["192.0.2.1"]})),
        stub_domains(&json!({"": ["192.0.2.1"]})),
        stub_domains(&json!({"Corp.example": ["192.0.2.1"]})),
        stub_domains(&json!({"cluster.local": ["192.0.2.1"]})),
        stub_domains(&json!({"a.example": ["192.0.2.1:0"]})),
        stub_domains(&json!({"a.example": ["192.0.2.256"]})),
        stub_domains(&json!({"a.example": ["192.0.2.1:dns"]})),
        stub_domains(&json!({"a.example": ["no_name"]})),
        stub_domains(&json!({"a.example": vec!["192.0.2.1"; 16]})),
        upstream(json!(["dns.example"])),
        upstream(json!(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"])),
    ] {
        writeln!(text, "{}", refused.unwrap_err()).unwrap();
    }
    expect![[r#"
        invalid JSON in data.stubDomains: EOF while parsing an object at line 1 column 1
        invalid JSON in data.stubDomains: invalid type: string "192.0.2.1", expected a sequence at line 1 column 25
        invalid domain name: "-a"
        invalid domain name: ""
        invalid domain name: "Corp.example"
        invalid domain name: "cluster.local" is the cluster's own
        invalid nameserver: "192.0.2.1:0"
        invalid nameserver: "192.0.2.256"
        invalid nameserver: "192.0.2.1:dns"
        invalid nameserver: "no_name"
        stub domain "a.example" cannot have more than 15 nameservers
        invalid nameserver: "dns.example"
        upstreamNameserver cannot have more than three entries
    "#]].assert_eq(&text);
}
