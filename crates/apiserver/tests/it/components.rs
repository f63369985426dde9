//! Whether the parts of the control plane are well.

use jiff::{SignedDuration, Timestamp};
use navarch_machinery::time::microseconds;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const COMPONENTS: &str = "/api/v1/componentstatuses";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";

async fn renewed(admin: &mut Client, name: &str, ago: SignedDuration) {
    let time = json!(microseconds(Timestamp::now() - ago));
    held(admin, name, &time, 15).await;
}

async fn held(admin: &mut Client, name: &str, time: &Value, seconds: i32) {
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name},
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": seconds, "renewTime": time}});
    let answer = admin.post(LEASES, &lease).await;
    assert_eq!(answer.status, 201, "{}", answer.message());
}

#[tokio::test]
async fn those_that_renew_their_lease_are_well() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    renewed(&mut admin, "kube-scheduler", SignedDuration::ZERO).await;
    renewed(
        &mut admin,
        "kube-controller-manager",
        SignedDuration::from_mins(1),
    )
    .await;
    let list = admin.get(COMPONENTS).await;
    let warning = "299 - \"v1 ComponentStatus is deprecated in v1.19+\"";
    assert_eq!(list.headers["warning"], warning);
    let mut list = list.json();
    assert_eq!(
        (&list["kind"], &list["metadata"]),
        (&json!("ComponentStatusList"), &json!({}))
    );
    let error = list["items"][0]["conditions"][0]["error"].take();
    let words = "the lease kube-system/kube-controller-manager has not been renewed since ";
    assert!(error.as_str().unwrap().starts_with(words), "{error}");
    let part = |name: &str, condition: Value| json!({"metadata": {"name": name}, "conditions": [condition]});
    let well = json!({"type": "Healthy", "status": "True", "message": "ok"});
    assert_eq!(
        list["items"],
        json!([
            part(
                "controller-manager",
                json!({"type": "Healthy", "status": "Unknown", "error": null})
            ),
            part("scheduler", well.clone()),
            part("etcd-0", well),
        ])
    );
    let table = [("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")];
    let named = format!("{COMPONENTS}?fieldSelector=metadata.name%3Dscheduler");
    let table = admin.send("GET", &named, &table, String::new()).await;
    assert_eq!(
        table.json()["rows"][0]["cells"],
        json!(["scheduler", "Healthy", "ok", ""])
    );
    assert_eq!(table.json()["rows"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn others_are_refused() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let refused = admin.get(&format!("{COMPONENTS}/other")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (404, "componentstatus \"other\" not found")
    );
    let watch = admin.get(&format!("{COMPONENTS}?watch=1")).await;
    let words = "watch is not supported on resources of kind \"componentstatuses\"";
    assert_eq!(
        (watch.status.as_u16(), watch.message().as_str()),
        (405, words)
    );
    assert_eq!(admin.post(COMPONENTS, &json!({})).await.status, 405);
}

#[tokio::test]
async fn a_lease_without_an_end_is_held() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let time = json!("9999-01-01T00:00:00.000000Z");
    held(&mut admin, "kube-scheduler", &time, i32::MAX).await;
    let scheduler = admin.get(&format!("{COMPONENTS}/scheduler")).await.json();
    assert_eq!(scheduler["conditions"][0]["status"], "True");
}
