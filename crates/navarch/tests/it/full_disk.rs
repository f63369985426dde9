//! A container that fills the disk of its node: API and node stay up, and removing the container is what helps.

use std::path::Path;

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::json;
use tempfile::TempDir;

use crate::cluster::{Cluster, IMAGE, until};

/// What the disk holds: far more than the node needs, and soon full.
const SIZE: &str = "size=200m";
/// What somebody frees who finds the disk full: enough for the API to note that the container is to go.
const FREED: usize = 1 << 20;

/// A disk of its own.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let nothing = None::<&str>;
        mount(
            nothing,
            place.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some(SIZE),
        )
        .unwrap();
        Self(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> u64 {
        let found = nix::sys::statvfs::statvfs(self.path()).unwrap();
        found.blocks_available() * found.fragment_size()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_survived_and_freed() {
    let disk = Disk::new();
    let cluster = Cluster::start_in(tempfile::tempdir_in(disk.path()).unwrap(), &[]);
    let client = cluster.client().await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let nodes: Api<Node> = Api::all(client.clone());
    let spare = disk.path().join("spare");
    std::fs::write(&spare, vec![1; FREED]).unwrap();
    pod(&pods, "beside", "exec sleep 3600").await;
    pod(
        &pods,
        "filler",
        "dd if=/dev/zero of=/fill bs=64k; exec sleep 3600",
    )
    .await;
    while disk.free() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // Reading needs no disk, and nobody is told that all is well who was not heard.
    for _ in 0..20 {
        let map = serde_json::from_value(json!({"metadata": {"generateName": "m-"}})).unwrap();
        let made = maps.create(&PostParams::default(), &map).await;
        let there = maps.list(&ListParams::default()).await.unwrap();
        if let Ok(made) = made {
            assert!(
                there
                    .iter()
                    .any(|map| map.metadata.name == made.metadata.name)
            );
        }
    }
    let name = nodes.list(&ListParams::default()).await.unwrap().items[0]
        .metadata
        .name
        .clone();
    let condition = |node: &Node, kind: &str| {
        let all = node.status.as_ref()?.conditions.as_ref()?;
        let found = all.iter().find(|condition| condition.type_ == kind)?;
        Some(found.status.clone())
    };
    std::fs::remove_file(&spare).unwrap();
    pods.delete("filler", &DeleteParams::default())
        .await
        .unwrap();
    until(&pods, "filler", |pod| pod.is_none().then_some(())).await;
    while disk.free() < 50 << 20 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // Without a restart all is as before.
    let map = serde_json::from_value(json!({"metadata": {"name": "after"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    pod(&pods, "after", "exec sleep 3600").await;
    until(&nodes, name.as_deref().unwrap(), |node| {
        let good =
            condition(node?, "DiskPressure")? == "False" && condition(node?, "Ready")? == "True";
        good.then_some(())
    })
    .await;
    let beside = pods.get("beside").await.unwrap().status.unwrap();
    assert_eq!(beside.container_statuses.unwrap()[0].restart_count, 0);
}

/// Makes a pod and waits until it runs.
async fn pod(pods: &Api<Pod>, name: &str, script: &str) {
    let container = json!({"name": "main", "image": IMAGE, "command": ["sh", "-c", script]});
    let pod = json!({"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}});
    let pod = serde_json::from_value(pod).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    until(pods, name, |pod| {
        (pod?.status.as_ref()?.phase.as_deref() == Some("Running")).then_some(())
    })
    .await;
}
