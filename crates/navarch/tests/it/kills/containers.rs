//! Containers that count aloud.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{LogParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{IMAGE, until};

/// How many there are.
pub(crate) const COUNT: usize = 3;
/// How many more numbers must come in the end, and how long they may take.
const MORE: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

/// Pods that each print the numbers from one on.
pub(crate) struct Counters {
    pods: Api<Pod>,
}

impl Counters {
    pub(crate) async fn start(client: kube::Client) -> Self {
        let pods: Api<Pod> = Api::default_namespaced(client);
        let script = "i=0; while :; do i=$((i+1)); echo $i; usleep 10000; done";
        let container = json!({"name": "main", "image": IMAGE, "command": ["sh", "-c", script]});
        for name in names() {
            let pod = json!({"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}});
            let pod = serde_json::from_value(pod).unwrap();
            pods.create(&PostParams::default(), &pod).await.unwrap();
        }
        let counters = Self { pods };
        counters.are_ready_and_never_restarted().await;
        counters
    }

    /// Waits until each is ready.
    pub(crate) async fn are_ready_and_never_restarted(&self) {
        for name in names() {
            let restarts = until(&self.pods, &name, |pod| {
                let status = pod?.status.as_ref()?.container_statuses.as_ref()?.first()?;
                status.ready.then_some(status.restart_count)
            });
            assert_eq!(restarts.await, 0, "{name} was restarted");
        }
    }

    /// The containers' first processes: process id and start time. `data` is the data directory of their node.
    pub(crate) fn processes(&self, data: &Path) -> BTreeSet<(String, String)> {
        processes_in(&group(data))
    }

    /// Every number is in the logs, once and in order, and more come.
    pub(crate) async fn logs_have_no_gap(&self) {
        for name in names() {
            let said = self.pods.logs(&name, &LogParams::default()).await.unwrap();
            let enough = said.lines().count() + MORE;
            let follow = LogParams {
                follow: true,
                ..LogParams::default()
            };
            let lines = self.pods.log_stream(&name, &follow).await.unwrap().lines();
            let lines: Vec<String> =
                tokio::time::timeout(PATIENCE, lines.take(enough).try_collect())
                    .await
                    .expect("containers go on counting")
                    .unwrap();
            assert_eq!(lines.len(), enough, "{name}: the log ended");
            let mut numbered = lines.iter().zip(1_u64..);
            let wrong = numbered.find(|(line, number)| **line != number.to_string());
            assert_eq!(
                wrong, None,
                "{name}: a line of the log, and which it should be"
            );
        }
    }
}

/// The control group of a data directory's containers.
pub(crate) fn group(data: &Path) -> String {
    let host = std::fs::read(data.join("host.json")).unwrap();
    let host: Value = serde_json::from_slice(&host).unwrap();
    host["cgroup"].as_str().unwrap().to_owned()
}

/// The first processes of containers below this control group: process id and start time.
pub(crate) fn processes_in(group: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read =
            |file: &str| std::fs::read_to_string(process.path().join(file)).unwrap_or_default();
        if read("cgroup").contains(group) && is_first(&read("status")) {
            let stat = read("stat");
            let start = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.split(' ').nth(19));
            let id = process.file_name().to_string_lossy().into_owned();
            found.insert((id, start.unwrap_or_default().to_owned()));
        }
    }
    found
}

/// Whether this is `/proc/PID/status` of a process that is number one in its namespace.
fn is_first(status: &str) -> bool {
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let ids = ids.unwrap_or_default().split_whitespace().skip(1);
    ids.last() == Some("1")
}

fn names() -> impl Iterator<Item = String> {
    (0..COUNT).map(|number| format!("counter-{number}"))
}
