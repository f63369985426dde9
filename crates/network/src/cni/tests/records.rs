//! What is kept of sandboxes, and what their plugins are told of them.

use super::super::capabilities;
use super::*;

#[tokio::test]
async fn what_cannot_be_read_is_not_lost() {
    let host = Host::new();
    host.configure("pods.json");
    let network = host.network();
    network.attach("abc", own(), pod()).await.unwrap();
    // A disk that does not answer, as a directory does not.
    fs::rename(host.path("state/abc.json"), host.path("kept")).unwrap();
    fs::create_dir(host.path("state/abc.json")).unwrap();
    assert!(network.detach("abc").await.is_err());
    assert!(network.attach("abc", own(), pod()).await.is_err());
    fs::remove_dir(host.path("state/abc.json")).unwrap();
    fs::rename(host.path("kept"), host.path("state/abc.json")).unwrap();
    assert_eq!(network.attached().await.unwrap()["abc"], ips());
    // One that is no record is kept for people.
    host.write("state/torn.json", "{");
    network.detach("torn").await.unwrap();
    assert_eq!(host.read("state/torn.unreadable"), "{");
    assert_eq!(host.read("state/torn.json"), "");
}

/// Whatever a pod's annotations say, what is written is read again; and if it is more than any object may have, nothing is begun.
#[tokio::test]
async fn what_is_written_can_be_read_again() {
    let host = Host::new();
    host.configure("pods.json");
    let network = host.network();
    let long = |octets| PodRequest {
        annotations: [("x".to_owned(), "\u{1}".repeat(octets))].into(),
        ..pod()
    };
    network.attach("abc", own(), long(256 << 10)).await.unwrap();
    assert_eq!(network.attached().await.unwrap()["abc"], ips());
    network.detach("abc").await.unwrap();
    assert!(network.attach("abc", own(), long(4 << 20)).await.is_err());
    assert_eq!(host.read("state/abc.json"), "");
    network.detach("abc").await.unwrap();
    // One that somebody else has made so large is kept for people.
    host.write("state/huge.json", &" ".repeat(17 << 20));
    network.detach("huge").await.unwrap();
    assert_eq!(host.read("state/huge.json"), "");
}

#[tokio::test]
async fn what_is_kept_is_nobody_else_s_to_read() {
    let host = Host::new();
    host.configure("pods.json");
    // As an earlier version has left them.
    fs::create_dir(host.path("state")).unwrap();
    host.write("state/abc.unfinished", "");
    host.network().attach("abc", own(), pod()).await.unwrap();
    let mode = |name: &str| host.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/abc.json")), (0o700, 0o600));
}

#[tokio::test]
async fn a_record_of_an_earlier_version_is_read() {
    let host = Host::new();
    host.configure("pods.json");
    let network = host.network();
    network.attach("abc", own(), pod()).await.unwrap();
    let mut record: Value = serde_json::from_str(&host.read("state/abc.json")).unwrap();
    let fields = record.as_object_mut().unwrap();
    assert!(fields.remove("annotations").is_some() && fields.remove("dns").is_some());
    assert_eq!(fields["pod"]["name"], "p");
    host.write("state/abc.json", &record.to_string());
    assert_eq!(network.attached().await.unwrap()["abc"], ips());
}

#[test]
fn plugins_are_told_what_they_can_do_something_with() {
    let request = |annotations: &[(&str, &str)]| {
        let annotations = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let dns = PodDns {
            servers: vec!["10.96.0.10".into()],
            searches: vec!["svc".into()],
            options: vec![],
        };
        PodRequest {
            annotations: annotations.collect(),
            dns: Some(dns),
            ..pod()
        }
    };
    let limited = request(&[
        ("kubernetes.io/ingress-bandwidth", "10M"),
        ("kubernetes.io/egress-bandwidth", "1Gi"),
    ]);
    let all = capabilities::of(&limited).unwrap();
    let burst = u32::MAX;
    assert_eq!(
        all["bandwidth"],
        json!({"ingressRate": 10_000_000, "ingressBurst": burst, "egressRate": 1 << 30, "egressBurst": burst})
    );
    assert_eq!(
        all["dns"],
        json!({"servers": ["10.96.0.10"], "searches": ["svc"], "options": []})
    );
    assert_eq!(
        all["io.kubernetes.cri.pod-annotations"]["kubernetes.io/egress-bandwidth"],
        "1Gi"
    );
    assert!(!all.contains_key("portMappings"));
    // Each plugin is told what it has said that it can.
    let text =
        json!({"plugins": [{"type": "a", "capabilities": {"dns": true, "bandwidth": false}}]});
    let configuration = parse(text.to_string().as_bytes()).unwrap();
    let told = configuration.told(&configuration.plugins[0], None, &all);
    assert_eq!(told["runtimeConfig"], json!({"dns": all["dns"]}));
    for bad in ["999", "x", "-1M", "2P", ""] {
        let asked = request(&[("kubernetes.io/egress-bandwidth", bad)]);
        let why = capabilities::of(&asked).unwrap_err();
        assert!(matches!(why, CniError::Bandwidth { .. }), "{bad}");
    }
    assert!(
        capabilities::of(&request(&[]))
            .unwrap()
            .get("bandwidth")
            .is_none()
    );
}
