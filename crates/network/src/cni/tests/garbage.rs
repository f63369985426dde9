//! What plugins are told of the pods that there are.

use super::*;

impl Host {
    /// Puts a configuration there that is in this version of the specification.
    fn configure_as(&self, version: &str, more: &str) {
        self.configure("pods.json");
        let list = self.read("net.d/pods.json");
        let list = list.replace(
            r#""cniVersion":"1.0.0""#,
            &format!(r#""cniVersion":"{version}"{more}"#),
        );
        self.write("net.d/pods.json", &list);
    }

    fn told_of_garbage(&self) -> Vec<String> {
        let mut told = self.told();
        told.retain(|it| it.contains(" GC "));
        told
    }

    /// The sandboxes that the last one was told of.
    fn valid(&self) -> Vec<String> {
        let input = self.read("input");
        let last: Value = serde_json::from_str(input.lines().last().unwrap()).unwrap();
        let valid = last["cni.dev/valid-attachments"].as_array().unwrap();
        assert!(valid.iter().all(|it| it["ifname"] == "eth0"), "{valid:?}");
        let ids = valid.iter().map(|it| it["containerID"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn plugins_forget_all_but_what_there_is() {
    let host = Host::new();
    host.configure_as("1.1.0", "");
    let network = host.network();
    for id in ["live", "dead"] {
        network.attach(id, own(), pod()).await.unwrap();
    }
    // Nobody knows what was done for it, nor whether it is gone.
    host.write("state/torn.json", "{");
    network.detach("torn").await.unwrap();
    let live = HashSet::from(["live".to_owned(), "unrecorded".to_owned()]);
    assert!(network.collect(&live).await.unwrap());
    // For an order on the whole network there is no sandbox, and no namespace.
    assert_eq!(
        host.told_of_garbage(),
        ["first GC   none ", "second GC   none "]
    );
    // By this a later process of ours knows them.
    let known = format!("NAVARCH_CNI_STATE={}", host.path("state").display());
    assert!(host.read("environment").lines().any(|line| line == known));
    // One that is still to be disconnected is not to be forgotten before.
    assert_eq!(host.valid(), ["dead", "live", "torn", "unrecorded"]);
    let input = host.read("input");
    let told: Value = serde_json::from_str(input.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&told["type"], &told["name"], &told["cniVersion"]),
        (&json!("second"), &json!("pods"), &json!("1.1.0"))
    );
    network.detach("dead").await.unwrap();
    // One that refuses keeps no other from it.
    host.write("refuse-first-GC", "");
    let why = network.collect(&HashSet::new()).await.unwrap_err();
    assert_eq!(
        why.to_string(),
        "plugin type=\"first\" failed (gc): not now; later"
    );
    assert_eq!(host.told_of_garbage().len(), 4);
    assert_eq!(host.valid(), ["live", "torn"]);
}

#[tokio::test]
async fn those_that_do_not_know_how_or_are_not_to_are_told_nothing() {
    let host = Host::new();
    let network = host.network();
    for (version, more) in [
        ("1.0.0", ""),
        ("1.1.0", r#","disableGC":true"#),
        ("1.1.0", r#","disableGC":"True""#),
    ] {
        host.configure_as(version, more);
        assert!(network.collect(&HashSet::new()).await.unwrap());
        assert_eq!(host.told(), [""; 0], "{version}{more}");
    }
    // While any pod is being connected nobody is told either.
    host.configure_as("1.1.0", r#","disableGC":"false""#);
    let turn = network.turns.to_add().await;
    assert!(!network.collect(&HashSet::new()).await.unwrap());
    drop(turn);
    assert_eq!(host.told_of_garbage(), [""; 0]);
    assert!(network.collect(&HashSet::new()).await.unwrap());
    assert_eq!(host.told_of_garbage().len(), 2);
    // Whoever has not asked for it shares the plugins with others, perhaps.
    let shared = CniNetwork::new(CniConfig {
        collects_garbage: false,
        ..host.config()
    });
    assert!(shared.collect(&HashSet::new()).await.unwrap());
    assert_eq!(host.told_of_garbage().len(), 2);
    for bad in ["1", r#""no""#, "null"] {
        let list = format!(r#"{{"type": "first", "disableGC": {bad}}}"#);
        assert!(parse(list.as_bytes()).is_err(), "{bad}");
    }
}

/// They are told when it is known which sandboxes there are, and they can connect some.
#[tokio::test]
async fn whoever_begins_tells_them_when_they_are_ready() {
    let host = Host::new();
    host.configure_as("1.1.0", "");
    let network = host.network();
    network.attach("live", own(), pod()).await.unwrap();
    let live = HashSet::from(["live".to_owned()]);
    host.write("refuse-second-STATUS", "");
    let soon = std::time::Duration::from_millis(20);
    tokio::spawn(network.clone().collect_garbage(live, soon));
    while host
        .told()
        .iter()
        .filter(|it| it.starts_with("second STATUS"))
        .count()
        < 3
    {
        tokio::time::sleep(soon).await;
    }
    assert_eq!(host.told_of_garbage(), [""; 0]);
    fs::remove_file(host.path("refuse-second-STATUS")).unwrap();
    while host.told_of_garbage().len() < 2 {
        tokio::time::sleep(soon).await;
    }
    // When they have ended.
    drop(network.turns.alone().await.unwrap());
    assert_eq!(host.valid(), ["live"]);
}
