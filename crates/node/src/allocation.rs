//! What pods were given of the node: what they asked for, and after a change of that (`pods/resize`) the same as before until the node has
//! room for it. As the kubelet's allocation manager.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

use navarch_runtime::cri::ContainerRecord;

use crate::lifecycle::{PodActual, RESOURCES, exit_code};
use crate::{resources, spec};

/// The resources of one pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Allocation {
    /// Of the pod as a whole, where it asks for that.
    pod: Option<ResourceRequirements>,
    /// By container name.
    containers: BTreeMap<String, ResourceRequirements>,
}

impl Allocation {
    /// All that the pod asks for.
    pub(crate) fn asked(pod: &Pod) -> Self {
        let of = |c: &Container| Some((c.name.clone(), c.resources.clone()?));
        Self {
            pod: spec::spec(pod).resources.clone(),
            containers: spec::all_containers(pod).filter_map(of).collect(),
        }
    }

    /// What an earlier run of the node has given it, by the notes on what runs or will run again; where nothing does, what it asks for.
    /// All that it asks for, too, if the API was told that it is getting that.
    pub(crate) fn noted(pod: &Pod, actual: &PodActual) -> Self {
        let mut allocation = Self::asked(pod);
        let getting = spec::condition(pod, "PodResizeInProgress");
        if getting.is_some_and(|c| c.observed_generation == pod.metadata.generation) {
            return allocation;
        }
        let sandbox = actual.sandbox().map(|s| &s.config.annotations);
        if let Some(note) = sandbox.and_then(read_note) {
            allocation.pod = note;
        }
        for container in spec::all_containers(pod) {
            let over = |r: &&Arc<ContainerRecord>| {
                exit_code(r).is_some_and(|code| !spec::should_restart(pod, container, code))
            };
            let record = actual.latest(&container.name).filter(|r| !over(r));
            match record.and_then(|r| read_note(&r.config.annotations)) {
                Some(Some(note)) => {
                    allocation.containers.insert(container.name.clone(), note);
                }
                Some(None) => {
                    allocation.containers.remove(&container.name);
                }
                None => {}
            }
        }
        allocation
    }

    /// Whether it is all that the pod asks for.
    pub(crate) fn is_all_of(&self, pod: &Pod) -> bool {
        self.pod == spec::spec(pod).resources
            && spec::all_containers(pod)
                .all(|c| self.containers.get(&c.name) == c.resources.as_ref())
    }

    /// The pod, asking for this.
    pub(crate) fn applied(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        if self.is_all_of(pod) {
            return pod.clone();
        }
        let mut pod = Pod::clone(pod);
        if let Some(spec) = pod.spec.as_mut() {
            spec.resources.clone_from(&self.pod);
            let init = spec.init_containers.iter_mut().flatten();
            for container in init.chain(&mut spec.containers) {
                container.resources = self.containers.get(&container.name).cloned();
            }
        }
        Arc::new(pod)
    }
}

/// The annotation of a container or sandbox that tells what it was given.
pub(crate) fn note(resources: Option<&ResourceRequirements>) -> (String, String) {
    let text = serde_json::to_string(&resources).unwrap_or_default();
    (RESOURCES.to_owned(), text)
}

/// What a note tells; `None`: there is none.
pub(crate) fn read_note(
    annotations: &BTreeMap<String, String>,
) -> Option<Option<ResourceRequirements>> {
    serde_json::from_str(annotations.get(RESOURCES)?).ok()
}

/// Which of two pods is given its change first: those that ask for no more than before, then by priority, quality of service, and
/// how long they have waited. Each with what it has.
pub(crate) fn precedence(a: (&Pod, &Pod), b: (&Pod, &Pod)) -> Ordering {
    let grows = |(asks, has): (&Pod, &Pod)| {
        ["cpu", "memory"]
            .iter()
            .any(|r| resources::pod_request(asks, r) > resources::pod_request(has, r))
    };
    let priority = |(asks, _): (&Pod, &Pod)| spec::spec(asks).priority.unwrap_or(0);
    let unsure = |(asks, _): (&Pod, &Pod)| resources::qos_class(asks) != "Guaranteed";
    let since = |(asks, _): (&Pod, &Pod)| {
        let told = spec::condition(asks, "PodResizePending");
        let time = told.and_then(|c| c.last_transition_time.as_ref());
        (time.is_none(), time.map(|t| t.0))
    };
    (grows(a).cmp(&grows(b)))
        .then(priority(b).cmp(&priority(a)))
        .then(unsure(a).cmp(&unsure(b)))
        .then(since(a).cmp(&since(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: &Value, status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec, "status": status}))
            .unwrap()
    }

    fn asking(cpu: &str, priority: i32) -> Pod {
        let container = json!({"name": "a", "resources": {"requests": {"cpu": cpu}}});
        pod(
            &json!({"priority": priority, "containers": [container]}),
            &json!({}),
        )
    }

    #[test]
    fn what_was_given_holds_until_it_is_changed() {
        let (old, new) = (Arc::new(asking("1", 0)), Arc::new(asking("2", 0)));
        let given = Allocation::asked(&old);
        assert!(given.is_all_of(&old) && !given.is_all_of(&new));
        assert_eq!(given.applied(&new), old);
        assert!(Arc::ptr_eq(&given.applied(&old), &old));
    }

    #[test]
    fn notes_tell_what_was_given() {
        let with = asking("1", 0);
        let resources = spec::containers(&with)[0].resources.clone();
        for given in [None, resources] {
            let notes = BTreeMap::from([note(given.as_ref())]);
            assert_eq!(read_note(&notes), Some(given));
        }
        assert_eq!(read_note(&BTreeMap::new()), None);
    }

    #[test]
    fn smaller_first_then_by_priority() {
        let has = asking("1", 0);
        let (less, more, urgent) = (asking("500m", 0), asking("2", 0), asking("2", 5));
        let mut all = [&more, &urgent, &less];
        all.sort_by(|a, b| precedence((a, &has), (b, &has)));
        assert_eq!(all, [&less, &urgent, &more]);
    }

    #[test]
    fn who_waited_longest_comes_first() {
        let waits = |since: &str| {
            let told = json!([{"type": "PodResizePending", "status": "True", "lastTransitionTime": since}]);
            let container = json!({"name": "a", "resources": {"requests": {"cpu": "2"}}});
            pod(
                &json!({"containers": [container]}),
                &json!({"conditions": told}),
            )
        };
        let (has, new) = (asking("1", 0), asking("2", 0));
        let (old, older) = (waits("2026-01-01T00:00:02Z"), waits("2026-01-01T00:00:01Z"));
        let mut all = [&new, &old, &older];
        all.sort_by(|a, b| precedence((a, &has), (b, &has)));
        assert_eq!(all, [&older, &old, &new]);
    }
}
