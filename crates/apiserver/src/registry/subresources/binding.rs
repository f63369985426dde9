//! Binding: a pod gets its node, once.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Binding, Pod, PodCondition};
use navarch_api::strategy::Hooks;
use navarch_machinery::field::together;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;
use navarch_store::Entry;

use super::super::Request;
use super::body::body;
use crate::ApiServer;
use crate::admission::Operation;
use crate::reply::{Output, success};

impl ApiServer {
    /// POST to `pods/NAME/binding`; with `pods` the resource of the request.
    pub(crate) async fn bind(
        &self,
        request: &mut Request<'_>,
        pod: Option<&str>,
    ) -> Result<Output> {
        let options = request.params.write_options("CreateOptions")?;
        let directory = &self.directory;
        let served = directory.of::<Binding>();
        let served = served.ok_or_else(StatusError::no_such_path)?;
        let mut binding: Binding = body(directory, served, request, options)?;
        self.mutate(request, Operation::Create, &mut binding, None)?;
        if pod.is_none() {
            // Of an object of its own, which this one is then, the uid and the version are the server's.
            binding.metadata.uid = None;
            binding.metadata.resource_version = None;
        }
        let given = binding.metadata.name.clone().unwrap_or_default();
        let name = pod.map_or_else(|| given.clone(), str::to_owned);
        if name != given {
            return Err(StatusError::bad_request(
                "name in URL does not match name in Binding object",
            ));
        }
        validate(&binding)?;
        let now = request.now;
        self.change_raw(request, &name, options.dry_run, &mut |object, entry| {
            let pod = object.as_any_mut().downcast_mut::<Pod>();
            pod.map_or(Ok(()), |pod| {
                check_preconditions(&binding, pod, entry)?;
                assign(pod, &binding, &name, now)
            })
        })
        .await?;
        Ok(Output::Value {
            value: success(None, Some(201)),
            code: 201,
        })
    }
}

/// What is wrong with a binding Kubernetes takes for its own fault.
fn validate(binding: &Binding) -> Result<()> {
    let errors = binding.validate();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(StatusError::new(500, "", together(&errors))),
    }
}

/// Refuses to bind another pod than the one that is meant: the binding's uid and version are the pod's, where it states them.
fn check_preconditions(binding: &Binding, pod: &Pod, entry: &Entry) -> Result<()> {
    let meta = &binding.metadata;
    let version = entry.modified.to_string();
    let failed = [
        (
            "UID",
            &meta.uid,
            pod.metadata.uid.as_deref().unwrap_or_default(),
        ),
        ("ResourceVersion", &meta.resource_version, &version),
    ]
    .into_iter()
    .find_map(|(what, asked, there)| {
        let asked = asked
            .as_deref()
            .filter(|asked| !asked.is_empty() && *asked != there)?;
        Some(format!(
            "{what} in precondition: {asked}, {what} in object meta: {there}"
        ))
    });
    let Some(failed) = failed else { return Ok(()) };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {failed}",
        entry.key
    );
    let name = meta.name.as_deref().unwrap_or_default();
    Err(StatusError::conflict("", "pods", name, &why))
}

fn assign(pod: &mut Pod, binding: &Binding, name: &str, now: Timestamp) -> Result<()> {
    let conflict = |why: String| Err(StatusError::conflict("", "pods/binding", name, &why));
    if pod.metadata.deletion_timestamp.is_some() {
        return conflict(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    let spec = pod.spec.get_or_insert_default();
    if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        return conflict(format!("pod {name} is already assigned to node {node:?}"));
    }
    if spec
        .scheduling_gates
        .as_ref()
        .is_some_and(|gates| !gates.is_empty())
    {
        return conflict(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    spec.node_name = binding.target.name.clone();
    // Where it was to go is told by where it goes.
    if let Some(status) = &mut pod.status {
        status.nominated_node_name = None;
    }
    if let Some(annotations) = &binding.metadata.annotations {
        pod.metadata
            .annotations
            .get_or_insert_default()
            .extend(annotations.clone());
    }
    if let Some(labels) = &binding.metadata.labels {
        pod.metadata
            .labels
            .get_or_insert_default()
            .extend(labels.clone());
    }
    let conditions = pod
        .status
        .get_or_insert_default()
        .conditions
        .get_or_insert_default();
    conditions.retain(|condition| condition.type_ != "PodScheduled");
    conditions.push(PodCondition {
        type_: "PodScheduled".into(),
        status: "True".into(),
        last_transition_time: Some(seconds(now)),
        ..PodCondition::default()
    });
    Ok(())
}
