//! What containers use: `/stats/summary` and the metrics.

use std::fmt::Write as _;

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Body, NodeApi, answer};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a container uses.
struct Usage {
    namespace: String,
    pod: String,
    uid: String,
    container: String,
    memory: u64,
    cpu_nanoseconds: u64,
}

impl NodeApi {
    async fn usages(&self) -> Vec<Usage> {
        let sandboxes: std::collections::HashMap<_, _> = self
            .worker
            .view
            .sandboxes()
            .into_iter()
            .map(|s| (s.id.clone(), s))
            .collect();
        let mut usages = Vec::new();
        for record in self.worker.view.running() {
            let Some(sandbox) = sandboxes.get(&record.sandbox_id) else {
                continue;
            };
            let Ok(Some((memory, cpu_nanoseconds))) =
                self.worker.runtime.container_usage(&record.id).await
            else {
                continue;
            };
            usages.push(Usage {
                namespace: sandbox.config.namespace.clone(),
                pod: sandbox.config.name.clone(),
                uid: sandbox.config.uid.clone(),
                container: record.config.name.clone(),
                memory,
                cpu_nanoseconds,
            });
        }
        usages.sort_by(|a, b| {
            (&a.namespace, &a.pod, &a.container).cmp(&(&b.namespace, &b.pod, &b.container))
        });
        usages
    }

    /// A small Summary: memory and CPU of containers and their sums.
    pub(super) async fn summary(&self) -> Response<Body> {
        let now = self.worker.clock.now().to_string();
        let figures = |memory: u64, cpu: u64| {
            json!({
                "cpu": {"time": now, "usageCoreNanoSeconds": cpu},
                "memory": {"time": now, "workingSetBytes": memory},
            })
        };
        let usages = self.usages().await;
        let mut pods: Vec<Value> = Vec::new();
        for of_pod in usages.chunk_by(|a, b| a.uid == b.uid) {
            let containers: Vec<Value> = of_pod
                .iter()
                .map(|u| {
                    let mut one = figures(u.memory, u.cpu_nanoseconds);
                    one["name"] = json!(u.container);
                    one
                })
                .collect();
            let mut pod = figures(
                of_pod.iter().map(|u| u.memory).sum(),
                of_pod.iter().map(|u| u.cpu_nanoseconds).sum(),
            );
            let first = &of_pod[0];
            pod["podRef"] =
                json!({"name": first.pod, "namespace": first.namespace, "uid": first.uid});
            pod["containers"] = json!(containers);
            pods.push(pod);
        }
        let mut node = figures(
            usages.iter().map(|u| u.memory).sum(),
            usages.iter().map(|u| u.cpu_nanoseconds).sum(),
        );
        node["nodeName"] = json!(self.worker.options.name);
        answer(
            StatusCode::OK,
            "application/json",
            json!({"node": node, "pods": pods}).to_string(),
        )
    }

    /// Figures of the agent itself.
    pub(super) fn metrics(&self) -> Response<Body> {
        let mut text = String::new();
        let mut gauge = |name: &str, help: &str, value: usize| {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
            );
        };
        gauge(
            "kubelet_running_pods",
            "Number of pods that have a running pod sandbox",
            self.worker.view.uids().len(),
        );
        gauge(
            "kubelet_running_containers",
            "Number of containers currently running",
            self.worker.view.running().len(),
        );
        gauge(
            "navarch_node_queue_length",
            "Pods that wait to be looked at",
            self.worker.queue.len(),
        );
        answer(StatusCode::OK, TEXT, text)
    }

    /// What containers use, as metrics-server reads it.
    pub(super) async fn resource_metrics(&self) -> Response<Body> {
        let usages = self.usages().await;
        let mut text = String::from("# TYPE container_cpu_usage_seconds_total counter\n");
        let labels = |u: &Usage| {
            format!(
                "container={:?},namespace={:?},pod={:?}",
                u.container, u.namespace, u.pod
            )
        };
        for usage in &usages {
            let (whole, rest) = (
                usage.cpu_nanoseconds / 1_000_000_000,
                usage.cpu_nanoseconds % 1_000_000_000,
            );
            let _ = writeln!(
                text,
                "container_cpu_usage_seconds_total{{{}}} {whole}.{rest:09}",
                labels(usage)
            );
        }
        text.push_str("# TYPE container_memory_working_set_bytes gauge\n");
        for usage in &usages {
            let _ = writeln!(
                text,
                "container_memory_working_set_bytes{{{}}} {}",
                labels(usage),
                usage.memory
            );
        }
        answer(StatusCode::OK, TEXT, text)
    }
}
