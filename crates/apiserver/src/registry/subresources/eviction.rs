//! Eviction: a deletion that the budgets of the pod may refuse.

mod budget;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::api::policy::v1::{Eviction, PodDisruptionBudget};
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;
use navarch_store::{Compare, Entry, Op, Snapshot, Transaction};
use serde_json::json;

use super::super::Request;
use super::super::commit::{self, Extra, Written};
use super::super::delete_options::DeleteOptions;
use super::body::body;
use crate::ApiServer;
use crate::admission::node_restriction::pods::check_eviction;
use crate::errors::of_store;
use crate::limits::WRITE_ATTEMPTS;
use crate::managed::{Managed, Writer, part_name};
use crate::reply::{Output, success};
use budget::Verdict;

/// A budget, and where it is kept.
type Kept = (Arc<Entry>, PodDisruptionBudget);

impl ApiServer {
    /// POST to `pods/NAME/eviction`.
    pub(crate) async fn evict(&self, request: &mut Request<'_>) -> Result<Output> {
        let given = request.params.write_options("CreateOptions")?;
        let (directory, served) = (&self.directory, &self.directory.eviction);
        let eviction: Eviction = body(directory, served, request, given)?;
        self.guard_namespace(request, &eviction)?;
        let name = eviction.metadata.name.as_deref().unwrap_or_default();
        if name != request.info.name {
            return Err(StatusError::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let mut options = DeleteOptions::of_wire(&eviction.delete_options.unwrap_or_default())?;
        options.dry_run |= given.dry_run;
        for _ in 0..WRITE_ATTEMPTS {
            if let Some(output) = self.try_evict(request, &options).await? {
                return Ok(output);
            }
        }
        let name = &request.info.name;
        Err(StatusError::timeout(
            format!("couldn't evict pod {name:?} due to conflicts"),
            10,
        ))
    }

    /// `None`: the pod or its budget has changed meanwhile.
    async fn try_evict(
        &self,
        request: &Request<'_>,
        options: &DeleteOptions,
    ) -> Result<Option<Output>> {
        let snapshot = self.store.snapshot();
        let key = request.key();
        let entry = snapshot.get(&key).ok_or_else(|| request.not_found())?;
        let object = request.served.decode(&entry)?;
        let pod: Pod = object.as_any().downcast_ref().cloned().unwrap_or_default();
        if self.admission.restricts_nodes {
            check_eviction(request.user, &request.info.name, &pod)?;
        }
        let budgets = if budget::is_exempt(&pod) {
            Vec::new()
        } else {
            self.budgets_of(&pod, &*snapshot)?
        };
        if budgets.len() > 1 {
            return Ok(Some(too_many_budgets()));
        }
        let now = request.now;
        let (extra, enforced) = match budgets.into_iter().next() {
            None => (Extra::default(), budget::must_stay_so(&pod)),
            Some((kept, mut budget)) => match budget::judge(&pod, &mut budget, now)? {
                Verdict::Unhealthy => (Extra::default(), true),
                Verdict::Counted => (self.budget_written(&kept, budget, now)?, false),
            },
        };
        if let Err(error) = options.check(request, &entry) {
            if !options.dry_run {
                self.count_in_vain(extra).await?;
            }
            return Err(error);
        }
        let mut deletion = options.clone();
        if !options.dry_run {
            let Some(marked) = self.mark_evicted(request, &entry, pod, extra, now).await? else {
                return Ok(None);
            };
            if enforced || options.version.is_some() {
                deletion.version = Some(marked.modified.to_string());
            }
        }
        match self.delete_at(request, &key, &deletion).await {
            // It is not as it was when it was let go.
            Err(error) if error.is_conflict() && enforced && options.version.is_none() => Ok(None),
            Err(error) => Err(error),
            Ok(_) => Ok(Some(Output::Value {
                value: success(None, Some(201)),
                code: 201,
            })),
        }
    }

    /// The budgets whose selector selects the pod.
    fn budgets_of(&self, pod: &Pod, snapshot: &dyn Snapshot) -> Result<Vec<Kept>> {
        let served = self
            .directory
            .find("policy", "v1", "poddisruptionbudgets")
            .ok_or_else(StatusError::no_such_path)?;
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut entries = Vec::new();
        snapshot.scan(&served.scope_prefix(namespace), None, &mut |entry| {
            entries.push(entry.clone());
            true
        });
        let mut budgets = Vec::new();
        for entry in entries {
            let object = served.decode(&entry)?;
            let budget = object.as_any().downcast_ref::<PodDisruptionBudget>();
            if let Some(budget) = budget.filter(|budget| budget::covers(budget, pod)) {
                budgets.push((entry, budget.clone()));
            }
        }
        Ok(budgets)
    }

    /// What the transaction does to a budget that counts the eviction.
    fn budget_written(
        &self,
        kept: &Entry,
        budget: PodDisruptionBudget,
        now: Timestamp,
    ) -> Result<Extra> {
        let served = self
            .directory
            .find("policy", "v1", "poddisruptionbudgets")
            .ok_or_else(StatusError::no_such_path)?;
        let writer = Writer::new(
            "",
            part_name("system:apiserver"),
            "policy/v1",
            "status",
            now,
        );
        let managed =
            self.updated_managers(served, &writer, Part::Status, Some(kept), &budget, None);
        let mut object: Box<dyn Object> = Box::new(budget);
        let encoded = commit::to_stored(served, &mut *object, &managed)?;
        Ok(Extra {
            compare: vec![Compare::Modified(kept.key.clone(), kept.modified)],
            ops: vec![Op::Put {
                key: kept.key.clone(),
                value: encoded.value,
                stamp: Some(encoded.stamp),
            }],
        })
    }

    /// Counts an eviction whose pod is not the one that is meant: Kubernetes has counted it when it sees that.
    async fn count_in_vain(&self, extra: Extra) -> Result<()> {
        let Extra { compare, ops } = extra;
        if !ops.is_empty() {
            let counted = self.store.commit(Transaction { compare, ops }).await;
            counted.map_err(of_store)?;
        }
        Ok(())
    }

    /// Says on the pod why it goes, and counts it in its budget, in one transaction. `None`: one of them has changed.
    async fn mark_evicted(
        &self,
        request: &Request<'_>,
        entry: &Entry,
        mut pod: Pod,
        extra: Extra,
        now: Timestamp,
    ) -> Result<Option<Arc<Entry>>> {
        mark(&mut pod, now);
        let mut object: Box<dyn Object> = Box::new(pod);
        let encoded = commit::to_stored(request.served, &mut *object, &Managed::of(entry))?;
        let expected = Compare::Modified(entry.key.clone(), entry.modified);
        let written = self.put(&entry.key, encoded, expected, extra).await?;
        Ok(match written {
            Written::Done(entry) => Some(entry),
            Written::Lost(_) => None,
        })
    }
}

/// Sets the condition that tells why a pod goes.
fn mark(pod: &mut Pod, now: Timestamp) {
    const KIND: &str = "DisruptionTarget";
    let status = pod.status.get_or_insert_default();
    let conditions = status.conditions.get_or_insert_default();
    let target = PodCondition {
        type_: KIND.into(),
        status: "True".into(),
        reason: Some("EvictionByEvictionAPI".into()),
        message: Some("Eviction API: evicting".into()),
        last_transition_time: Some(seconds(now)),
        ..Default::default()
    };
    match conditions.iter_mut().find(|it| it.type_ == KIND) {
        Some(there) if there.status == "True" => {
            let since = there.last_transition_time.take();
            *there = PodCondition {
                last_transition_time: since,
                ..target
            };
        }
        Some(there) => *there = target,
        None => conditions.push(target),
    }
}

/// Kubernetes answers this as if it were what was made.
fn too_many_budgets() -> Output {
    let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": 500,
    });
    Output::Value { value, code: 201 }
}
