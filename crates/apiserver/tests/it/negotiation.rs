//! Protobuf and YAML, both ways.

use http_body_util::BodyExt;
use navarch_api::schema::schema;
use navarch_machinery::protobuf::{Envelope, from_json, to_json};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// The JSON of a protobuf body.
fn opened(body: &[u8]) -> Value {
    let envelope = Envelope::open(body).unwrap();
    let version = &envelope.api_version;
    let (group, short) = version.split_once('/').unwrap_or(("", version));
    let id = schema().kind(group, short, &envelope.kind).unwrap();
    let kind = (&**version, &*envelope.kind);
    serde_json::from_slice(&to_json(schema(), id, kind, envelope.message).unwrap()).unwrap()
}

/// The protobuf body of an object.
fn sealed(object: &Value) -> Vec<u8> {
    let word = |key: &str| object[key].as_str().unwrap();
    let kind = (word("apiVersion"), word("kind"));
    let (group, version) = kind.0.split_once('/').unwrap_or(("", kind.0));
    let id = schema().kind(group, version, kind.1).unwrap();
    from_json(schema(), id, kind, object.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn objects_lists_and_refusals_are_protobuf_for_who_asks() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "p"},
        "data": {"k": "v"}, "binaryData": {"b": "AAEC"},
    });
    let both = [("content-type", PROTOBUF), ("accept", PROTOBUF)];
    let made = admin.send("POST", MAPS, &both, sealed(&object)).await;
    assert_eq!(
        (
            made.status.as_u16(),
            made.headers["content-type"].as_bytes()
        ),
        (201, PROTOBUF.as_bytes())
    );
    let mut made = opened(&made.bytes);
    assert_eq!(made["binaryData"], object["binaryData"]);
    let path = format!("{MAPS}/p");
    assert_eq!(made, admin.get(&path).await.json());

    made["data"]["k"] = "w".into();
    let updated = admin.send("PUT", &path, &both, sealed(&made)).await;
    assert_eq!(opened(&updated.bytes)["data"]["k"], "w");
    let listed = admin.send("GET", MAPS, &both[1..], "").await;
    let mut listed = opened(&listed.bytes);
    let mut plain = admin.get(MAPS).await.json();
    assert_eq!(listed["kind"], "ConfigMapList");
    // On the wire the items of a list say what they hold, as all messages do.
    assert_eq!(listed["items"].take(), plain["items"].take());
    let gone = admin
        .send("GET", &format!("{MAPS}/q"), &both[1..], "")
        .await;
    assert_eq!(gone.status, 404);
    assert_eq!(opened(&gone.bytes)["reason"], "NotFound");
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    let deleted = admin.send("DELETE", &path, &both, sealed(&options)).await;
    assert_eq!(opened(&deleted.bytes)["status"], "Success");
}

#[tokio::test]
async fn metadata_alone_is_protobuf_and_tables_are_not() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let of = |kind: &str| format!("{PROTOBUF};as={kind};g=meta.k8s.io;v=v1");
    let one = of("PartialObjectMetadata");
    let many = of("PartialObjectMetadataList");
    let path = "/api/v1/namespaces/default";
    let got = admin.send("GET", path, &[("accept", &*one)], "").await;
    let meta = opened(&got.bytes);
    assert_eq!(
        (&meta["kind"], &meta["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("default"))
    );
    assert!(meta.get("spec").is_none());
    let list = admin
        .send("GET", "/api/v1/namespaces", &[("accept", &*many)], "")
        .await;
    assert_eq!(opened(&list.bytes)["kind"], "PartialObjectMetadataList");
    let wrong = admin.send("GET", path, &[("accept", &*many)], "").await;
    assert_eq!(
        wrong.message(),
        "you requested PartialObjectMetadataList, but the requested object is not a list (*core.Namespace)"
    );
    let wrong = admin
        .send("GET", "/api/v1/namespaces", &[("accept", &*one)], "")
        .await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.message()),
        (
            406,
            "you requested PartialObjectMetadata, but the requested object is a list (*core.NamespaceList)".into()
        )
    );
    let table = of("Table");
    let table = admin.send("GET", path, &[("accept", &*table)], "").await;
    assert_eq!(table.status, 406);
}

#[tokio::test]
async fn annotations_that_carry_fields_are_no_metadata() {
    const SETS: &str = "/apis/apps/v1/namespaces/default/daemonsets";
    const ALONE: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let set = json!({
        "metadata": {"name": "s", "annotations": {"mine": "1"}},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    let made = admin.send("POST", SETS, JSON, set.to_string()).await.json();
    let carried = "deprecated.daemonset.template.generation";
    assert_eq!(
        made["metadata"]["annotations"],
        json!({"mine": "1", carried: "1"})
    );
    let path = format!("{SETS}/s");
    let alone = admin.send("GET", &path, &[("accept", ALONE)], "").await;
    assert_eq!(
        alone.json()["metadata"]["annotations"],
        json!({"mine": "1"})
    );
}

#[tokio::test]
async fn subresources_with_a_body_of_their_own_are_protobuf_too() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let both = [("content-type", PROTOBUF), ("accept", PROTOBUF)];
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    admin
        .post(accounts, &json!({"metadata": {"name": "s"}}))
        .await;
    let ask = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": [], "expirationSeconds": 900},
    });
    let path = format!("{accounts}/s/token");
    let token = admin.send("POST", &path, &both, sealed(&ask)).await;
    let token = opened(&token.bytes);
    assert_eq!(token["kind"], "TokenRequest");
    assert!(token["status"]["token"].is_string());

    let controllers = "/api/v1/namespaces/default/replicationcontrollers";
    let controller = json!({
        "metadata": {"name": "r"},
        "spec": {"selector": {"a": "b"}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        }},
    });
    admin.post(controllers, &controller).await;
    let path = format!("{controllers}/r/scale");
    let scale = admin.send("GET", &path, &both[1..], "").await;
    let mut scale = opened(&scale.bytes);
    assert_eq!(
        (&scale["apiVersion"], &scale["spec"]["replicas"]),
        (&json!("autoscaling/v1"), &json!(1))
    );
    scale["spec"]["replicas"] = 3.into();
    let scaled = admin.send("PUT", &path, &both, sealed(&scale)).await;
    assert_eq!(opened(&scaled.bytes)["spec"]["replicas"], 3);
}

#[tokio::test]
async fn a_watch_comes_in_frames() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(MAPS, &json!({"metadata": {"name": "w"}})).await;
    let accept = [("accept", "application/vnd.kubernetes.protobuf;stream=watch")];
    let path = format!("{MAPS}?watch=1&resourceVersion=0&timeoutSeconds=5");
    let mut watch = admin.open("GET", &path, &accept, "").await;
    assert_eq!(watch.headers()["content-type"], accept[0].1);
    let frame = watch.frame().await.unwrap().unwrap().into_data().unwrap();
    let length = u32::from_be_bytes(frame[..4].try_into().unwrap());
    assert!(frame.len() >= 4 + length as usize);
    // The type, then the object in a message of its own.
    assert_eq!(&frame[4..11], b"\x0a\x05ADDED");
    let at = frame
        .windows(4)
        .position(|bytes| bytes == b"k8s\0")
        .unwrap();
    assert_eq!(
        opened(&frame[at..4 + length as usize])["metadata"]["name"],
        "w"
    );
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let protobuf = [("content-type", PROTOBUF)];
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
    let wrong = admin.send("POST", MAPS, &protobuf, sealed(&secret)).await;
    assert_eq!(wrong.status, 400);
    let none = admin.send("POST", MAPS, &protobuf, "").await;
    assert_eq!(
        none.message(),
        "the object provided is unrecognized (must be of type ConfigMap): empty data (<empty>)"
    );
    let cbor = [("content-type", "application/cbor")];
    assert_eq!(admin.send("POST", MAPS, &cbor, "x").await.status, 415);
    let table = [("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")];
    let odd = admin
        .send("GET", &format!("{MAPS}?includeObject=Odd"), &table, "")
        .await;
    assert_eq!(
        odd.message(),
        "Unable to convert to Table as requested: includeObject: Invalid value: \"Odd\": must be 'Metadata', 'Object', 'None', or empty"
    );
    let yaml = [("accept", "application/yaml")];
    let watch = admin
        .send("GET", &format!("{MAPS}?watch=1"), &yaml, "")
        .await;
    assert_eq!(watch.status, 406);
    assert_eq!(admin.send("POST", MAPS, JSON, "{").await.status, 400);
}

#[tokio::test]
async fn a_read_takes_no_longer_than_the_client_gives_it() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let path = format!("{MAPS}?resourceVersion=99999999&timeout=200ms");
    let late = admin.get(&path).await;
    assert_eq!(late.status, 504);
    assert_eq!(
        late.message(),
        "Timeout: request did not complete within the allotted timeout"
    );
    let why = "invalid timeout specified in the request URL - time: invalid duration \"soon\"";
    for path in [MAPS, "/version"] {
        let odd = admin.get(&format!("{path}?timeout=soon")).await;
        assert_eq!((odd.status.as_u16(), &*odd.message()), (400, why), "{path}");
    }
}
