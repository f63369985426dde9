//! Lists: pages of one moment, selectors, other forms.

use serde_json::json;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn filled(count: usize) -> (Cluster, Client) {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    for n in 0..count {
        let odd = if n % 2 == 1 { "yes" } else { "no" };
        let body = json!({"metadata": {"name": format!("m{n:04}"), "labels": {"odd": odd}}, "data": {"n": n.to_string()}});
        assert_eq!(admin.post(MAPS, &body).await.status, 201);
    }
    (cluster, admin)
}

#[tokio::test]
async fn pages_are_of_the_moment_of_the_first() {
    let (_cluster, mut admin) = filled(5).await;
    let first = admin.get(&format!("{MAPS}?limit=2")).await.json();
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    admin
        .send("DELETE", &format!("{MAPS}/m0004"), &[], "")
        .await;
    admin
        .post(MAPS, &json!({"metadata": {"name": "m0003a"}}))
        .await;
    let mut names = Vec::new();
    let mut page = first.clone();
    loop {
        assert_eq!(
            page["metadata"]["resourceVersion"],
            first["metadata"]["resourceVersion"]
        );
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()),
        );
        let Some(token) = page["metadata"]["continue"].as_str() else {
            break;
        };
        page = admin
            .get(&format!("{MAPS}?limit=2&continue={token}"))
            .await
            .json();
    }
    assert_eq!(names, ["m0000", "m0001", "m0002", "m0003", "m0004"]);
}

#[tokio::test]
async fn a_page_that_history_has_lost_offers_the_rest() {
    let (cluster, mut admin) = filled(3).await;
    let first = admin.get(&format!("{MAPS}?limit=1")).await.json();
    let token = first["metadata"]["continue"].as_str().unwrap();
    cluster
        .store
        .compact(cluster.store.snapshot().revision())
        .await
        .unwrap();
    admin.post(MAPS, &json!({"metadata": {"name": "z"}})).await;
    cluster
        .store
        .compact(cluster.store.snapshot().revision())
        .await
        .unwrap();
    let gone = admin.get(&format!("{MAPS}?limit=1&continue={token}")).await;
    assert_eq!(
        (
            gone.status.as_u16(),
            gone.json()["reason"].as_str().unwrap()
        ),
        (410, "Expired")
    );
    let token = gone.json()["metadata"]["continue"]
        .as_str()
        .unwrap()
        .to_owned();
    let rest = admin.get(&format!("{MAPS}?continue={token}")).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn labels_select_with_and_without_an_index() {
    for count in [10, 300] {
        let (_cluster, mut admin) = filled(count).await;
        for (selector, want) in [
            ("odd%3Dyes", count / 2),
            ("odd%20in%20(yes,no)", count),
            ("odd!%3Dyes", count / 2),
            ("odd%3Dmaybe", 0),
            ("odd", count),
        ] {
            let list = admin
                .get(&format!("{MAPS}?labelSelector={selector}"))
                .await
                .json();
            assert_eq!(
                list["items"].as_array().unwrap().len(),
                want,
                "{selector} of {count}"
            );
        }
        let change = r#"{"metadata":{"labels":{"odd":"maybe"}}}"#;
        let merge = [("content-type", "application/merge-patch+json")];
        admin
            .send("PATCH", &format!("{MAPS}/m0001"), &merge, change)
            .await;
        admin
            .send("DELETE", &format!("{MAPS}/m0003"), &[], "")
            .await;
        let list = admin
            .get(&format!("{MAPS}?labelSelector=odd%3Dyes"))
            .await
            .json();
        assert_eq!(list["items"].as_array().unwrap().len(), count / 2 - 2);
        let list = admin
            .get(&format!("{MAPS}?labelSelector=odd%3Dmaybe"))
            .await
            .json();
        assert_eq!(list["items"][0]["metadata"]["name"], "m0001");
    }
}

#[tokio::test]
async fn large_lists_are_whole_plain_and_compressed() {
    let (_cluster, mut admin) = filled(700).await;
    let plain = admin.get(MAPS).await;
    assert_eq!(plain.json()["items"].as_array().unwrap().len(), 700);
    assert_eq!(
        plain.headers["content-length"],
        plain.bytes.len().to_string()
    );
    let squeezed = admin
        .send("GET", MAPS, &[("accept-encoding", "gzip")], "")
        .await;
    assert_eq!(squeezed.headers["content-encoding"], "gzip");
    let mut text = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(&*squeezed.bytes),
        &mut text,
    )
    .unwrap();
    assert_eq!(text, plain.bytes);
}

#[tokio::test]
async fn the_same_list_in_other_forms() {
    let (_cluster, mut admin) = filled(2).await;
    let table = admin
        .send(
            "GET",
            MAPS,
            &[(
                "accept",
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            )],
            "",
        )
        .await
        .json();
    assert_eq!(table["columnDefinitions"][0]["name"], "Name");
    assert_eq!(table["rows"][1]["cells"][0], "m0001");
    assert_eq!(table["rows"][1]["object"]["kind"], "PartialObjectMetadata");
    let form = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let metadata = admin
        .send("GET", MAPS, &[("accept", form)], "")
        .await
        .json();
    assert_eq!(metadata["items"][0]["metadata"]["name"], "m0000");
    assert!(metadata["items"][0]["data"].is_null());
    let yaml = admin
        .send("GET", MAPS, &[("accept", "application/yaml")], "")
        .await;
    assert!(
        std::str::from_utf8(&yaml.bytes)
            .unwrap()
            .contains("kind: ConfigMapList")
    );
}
