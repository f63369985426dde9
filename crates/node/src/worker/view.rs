//! What the runtime has, kept in memory by its events, so that a look at a pod costs no question to the runtime.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use navarch_runtime::cri::{
    ContainerRecord, ContainerState, Result, Runtime, SandboxRecord, SandboxState,
};
use parking_lot::Mutex;

use crate::lifecycle::PodActual;

#[derive(Default)]
struct Records {
    sandboxes: HashMap<String, Arc<SandboxRecord>>,
    containers: HashMap<String, Arc<ContainerRecord>>,
    by_uid: HashMap<String, BTreeSet<String>>,
    by_sandbox: HashMap<String, BTreeSet<String>>,
}

/// The runtime's records. Bounded by what the runtime holds.
#[derive(Default)]
pub(crate) struct RuntimeView {
    records: Mutex<Records>,
}

impl RuntimeView {
    /// Reads everything anew.
    pub(crate) async fn reload(&self, runtime: &dyn Runtime) -> Result<()> {
        let (sandboxes, containers) = (
            runtime.list_sandboxes().await?,
            runtime.list_containers().await?,
        );
        let mut records = self.records.lock();
        *records = Records::default();
        for sandbox in sandboxes {
            records.put_sandbox(sandbox);
        }
        for container in containers {
            records.put_container(container);
        }
        Ok(())
    }

    /// Reads one sandbox anew. One alone: a list is old by the time it is put in the place of what others have put here meanwhile.
    pub(crate) async fn reload_sandbox(&self, runtime: &dyn Runtime, id: &str) {
        match runtime.sandbox(id).await {
            Ok(record) => self.put_sandbox(record),
            Err(navarch_runtime::cri::Error::NotFound(_)) => self.records.lock().drop_sandbox(id),
            Err(error) => {
                tracing::warn!(sandbox = id, %error, "a sandbox could not be looked at");
            }
        }
    }

    /// Reads one container anew.
    pub(crate) async fn reload_container(&self, runtime: &dyn Runtime, id: &str) {
        match runtime.container(id).await {
            Ok(record) => self.put_container(record),
            Err(navarch_runtime::cri::Error::NotFound(_)) => self.records.lock().drop_container(id),
            Err(error) => {
                tracing::warn!(container = id, %error, "a container could not be looked at");
            }
        }
    }

    pub(crate) fn put_sandbox(&self, record: SandboxRecord) {
        self.records.lock().put_sandbox(record);
    }

    pub(crate) fn put_container(&self, record: ContainerRecord) {
        self.records.lock().put_container(record);
    }

    /// What there is of a pod.
    pub(crate) fn of_pod(&self, uid: &str) -> PodActual {
        let records = self.records.lock();
        let mut actual = PodActual::default();
        for id in records.by_uid.get(uid).into_iter().flatten() {
            actual.sandboxes.extend(records.sandboxes.get(id).cloned());
            let ids = records.by_sandbox.get(id).into_iter().flatten();
            actual
                .containers
                .extend(ids.filter_map(|id| records.containers.get(id).cloned()));
        }
        actual
    }

    /// The uid of the pod that a sandbox belongs to.
    pub(crate) fn uid_of(&self, sandbox_id: &str) -> Option<String> {
        self.records
            .lock()
            .sandboxes
            .get(sandbox_id)
            .map(|s| s.config.uid.clone())
    }

    /// The uids of all pods that have sandboxes.
    pub(crate) fn uids(&self) -> Vec<String> {
        self.records.lock().by_uid.keys().cloned().collect()
    }

    /// All sandboxes.
    pub(crate) fn sandboxes(&self) -> Vec<Arc<SandboxRecord>> {
        self.records.lock().sandboxes.values().cloned().collect()
    }

    /// All containers that run.
    pub(crate) fn running(&self) -> Vec<Arc<ContainerRecord>> {
        let running = |c: &&Arc<ContainerRecord>| c.state == ContainerState::Running;
        self.records
            .lock()
            .containers
            .values()
            .filter(running)
            .cloned()
            .collect()
    }
}

impl Records {
    /// A sandbox that is not ready will not be again: an answer that was overtaken by an event is dropped.
    fn put_sandbox(&mut self, record: SandboxRecord) {
        let over = |state| state == SandboxState::NotReady;
        if self
            .sandboxes
            .get(&record.id)
            .is_some_and(|known| over(known.state) && !over(record.state))
        {
            return;
        }
        self.by_uid
            .entry(record.config.uid.clone())
            .or_default()
            .insert(record.id.clone());
        self.sandboxes.insert(record.id.clone(), Arc::new(record));
    }

    /// A container never goes back in its life: an answer that was overtaken by an event is dropped.
    fn put_container(&mut self, record: ContainerRecord) {
        let age = |state| match state {
            ContainerState::Created => 0,
            ContainerState::Running => 1,
            ContainerState::Exited | ContainerState::Unknown => 2,
        };
        if self
            .containers
            .get(&record.id)
            .is_some_and(|known| age(known.state) > age(record.state))
        {
            return;
        }
        self.by_sandbox
            .entry(record.sandbox_id.clone())
            .or_default()
            .insert(record.id.clone());
        self.containers.insert(record.id.clone(), Arc::new(record));
    }

    /// With its containers.
    fn drop_sandbox(&mut self, id: &str) {
        let Some(record) = self.sandboxes.remove(id) else {
            return;
        };
        if let Some(ids) = self.by_uid.get_mut(&record.config.uid) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_uid.remove(&record.config.uid);
            }
        }
        for container in self.by_sandbox.remove(id).unwrap_or_default() {
            self.containers.remove(&container);
        }
    }

    fn drop_container(&mut self, id: &str) {
        if let Some(record) = self.containers.remove(id)
            && let Some(ids) = self.by_sandbox.get_mut(&record.sandbox_id)
        {
            ids.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use navarch_runtime::cri::SandboxConfig;

    fn sandbox(id: &str, uid: &str, state: SandboxState) -> SandboxRecord {
        SandboxRecord {
            id: id.to_owned(),
            config: SandboxConfig {
                uid: uid.to_owned(),
                ..SandboxConfig::default()
            },
            state,
            created_at: 1,
            netns: None,
        }
    }

    #[test]
    fn an_answer_that_came_late_does_not_bring_a_sandbox_back() {
        let view = RuntimeView::default();
        view.put_sandbox(sandbox("s", "pod", SandboxState::NotReady));
        view.put_sandbox(sandbox("s", "pod", SandboxState::Ready));
        assert!(view.of_pod("pod").ready_sandbox().is_none());
    }

    #[test]
    fn a_sandbox_that_is_gone_leaves_nothing() {
        let view = RuntimeView::default();
        view.put_sandbox(sandbox("a", "pod", SandboxState::NotReady));
        view.put_sandbox(sandbox("b", "pod", SandboxState::Ready));
        view.records.lock().drop_sandbox("a");
        assert_eq!(view.of_pod("pod").sandboxes.len(), 1);
        view.records.lock().drop_sandbox("b");
        assert!(view.uids().is_empty());
    }
}
