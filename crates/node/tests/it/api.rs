//! An API in memory: revisions, conflicts, graceful deletion of pods, watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::{Answer, Body, Call, Endpoint, WatchEvent, WatchStream};
use navarch_api::def::Verb;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use parking_lot::Mutex;
use tokio::sync::broadcast;

type Key = (String, String, String);

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Arc<dyn Object>>,
    revision: u64,
}

pub(crate) struct Api {
    state: Mutex<State>,
    changes: broadcast::Sender<(String, WatchEvent)>,
    /// Writes of pods' statuses fail.
    pub(crate) away: std::sync::atomic::AtomicBool,
    /// How many writes of nodes still find that somebody else has written meanwhile.
    pub(crate) taken: std::sync::atomic::AtomicU32,
}

impl Api {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changes: broadcast::Sender::new(4096),
            away: Default::default(),
            taken: Default::default(),
        })
    }

    /// All objects of a kind.
    pub(crate) fn all<T: Clone + 'static>(&self, resource: &str) -> Vec<T> {
        let state = self.state.lock();
        let of = state.objects.iter().filter(|(key, _)| key.0 == resource);
        of.filter_map(|(_, object)| object.as_any().downcast_ref::<T>().cloned())
            .collect()
    }

    fn put(
        &self,
        state: &mut State,
        key: Key,
        mut object: Box<dyn Object>,
        new: bool,
    ) -> Arc<dyn Object> {
        state.revision += 1;
        let metadata = object.metadata_mut();
        metadata.resource_version = Some(state.revision.to_string());
        if new {
            metadata
                .uid
                .get_or_insert_with(|| format!("uid-{}", state.revision));
            metadata.generation = Some(1);
        }
        let object: Arc<dyn Object> = Arc::from(object);
        state.objects.insert(key.clone(), object.clone());
        let event = if new {
            WatchEvent::Added(object.clone())
        } else {
            WatchEvent::Modified(object.clone())
        };
        let _ = self.changes.send((key.0, event));
        object
    }

    fn delete(&self, state: &mut State, key: Key, call: &Call) -> Result<Answer> {
        let missing = || StatusError::not_found("", &key.0, &key.2);
        let object = state.objects.get(&key).cloned().ok_or_else(missing)?;
        if call.options.uid.is_some() && object.metadata().uid != call.options.uid {
            return Err(StatusError::conflict(
                "",
                &key.0,
                &key.2,
                "the UID in the precondition does not match",
            ));
        }
        if let Some(pod) = object.as_any().downcast_ref::<Pod>()
            && call.options.grace_period != Some(0)
        {
            let mut pod = pod.clone();
            let own = pod
                .spec
                .as_ref()
                .and_then(|s| s.termination_grace_period_seconds);
            pod.metadata.deletion_grace_period_seconds =
                Some(call.options.grace_period.or(own).unwrap_or(30));
            pod.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
            return Ok(Answer::Object(self.put(state, key, Box::new(pod), false)));
        }
        state.revision += 1;
        let mut last = object.clone_object();
        last.metadata_mut().resource_version = Some(state.revision.to_string());
        let last: Arc<dyn Object> = Arc::from(last);
        state.objects.remove(&key);
        let _ = self
            .changes
            .send((key.0, WatchEvent::Deleted(last.clone())));
        Ok(Answer::Object(last))
    }
}

fn key(call: &Call, name: Option<&str>) -> Key {
    (
        call.resource.resource.clone(),
        call.namespace.clone().unwrap_or_default(),
        name.unwrap_or("").to_owned(),
    )
}

#[async_trait]
impl Endpoint for Api {
    async fn call(&self, call: Call) -> Result<Answer> {
        let mut state = self.state.lock();
        let named = key(&call, call.name.as_deref());
        let missing = || StatusError::not_found(&call.resource.group, &named.0, &named.2);
        let body = || match &call.body {
            Body::Object(object) => Ok(object.clone_object()),
            _ => Err(StatusError::bad_request("an object is needed")),
        };
        match call.verb {
            Verb::Get => Ok(Answer::Object(
                state.objects.get(&named).cloned().ok_or_else(missing)?,
            )),
            Verb::List => {
                let of = state.objects.iter().filter(|(key, _)| key.0 == named.0);
                let items = of.map(|(_, object)| object.clone()).collect();
                let resource_version = state.revision.max(1).to_string();
                Ok(Answer::List {
                    items,
                    resource_version,
                    continue_token: String::new(),
                })
            }
            Verb::Create => {
                let object = body()?;
                let key = key(&call, object.metadata().name.as_deref());
                if state.objects.contains_key(&key) {
                    return Err(StatusError::already_exists("", &key.0, &key.2));
                }
                Ok(Answer::Object(self.put(&mut state, key, object, true)))
            }
            Verb::Update => {
                let mut object = body()?;
                if named.0 == "pods" && self.away.load(std::sync::atomic::Ordering::Relaxed) {
                    return Err(StatusError::internal("the API is away"));
                }
                let is_left = |left: u32| left.checked_sub(1).filter(|_| named.0 == "nodes");
                let order = std::sync::atomic::Ordering::Relaxed;
                if self.taken.fetch_update(order, order, is_left).is_ok() {
                    return Err(StatusError::modified("", &named.0, &named.2));
                }
                let old = state.objects.get(&named).ok_or_else(missing)?;
                let version = &object.metadata().resource_version;
                if version.is_some() && *version != old.metadata().resource_version {
                    return Err(StatusError::modified("", &named.0, &named.2));
                }
                if call.subresource.as_deref() == Some("status")
                    && let (Some(new), Some(old)) = (
                        object.as_any().downcast_ref::<Pod>(),
                        old.as_any().downcast_ref::<Pod>(),
                    )
                {
                    // The rest of the pod is not its status's to say.
                    object = Box::new(Pod {
                        status: new.status.clone(),
                        ..old.clone()
                    });
                }
                Ok(Answer::Object(self.put(&mut state, named, object, false)))
            }
            Verb::Delete => self.delete(&mut state, named, &call),
            _ => Err(StatusError::method_not_allowed()),
        }
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        let receiver = self.changes.subscribe();
        let after: u64 = call.options.resource_version.parse().unwrap_or(0);
        // What changed since the list, and then what changes.
        let resource = call.resource.resource.clone();
        let missed: Vec<_> = {
            let state = self.state.lock();
            let newer = |o: &&Arc<dyn Object>| version(&***o) > after;
            let of = state
                .objects
                .iter()
                .filter(|(key, _)| key.0 == resource)
                .map(|(_, o)| o);
            of.filter(newer)
                .cloned()
                .map(|o| Ok(WatchEvent::Modified(o)))
                .collect()
        };
        let rest = stream::unfold(
            (receiver, resource),
            |(mut receiver, resource)| async move {
                loop {
                    let (of, event) = receiver.recv().await.ok()?;
                    if of == resource {
                        return Some((Ok(event), (receiver, resource)));
                    }
                }
            },
        );
        Ok(Box::pin(stream::iter(missed).chain(rest)))
    }
}

fn version(object: &dyn Object) -> u64 {
    object
        .metadata()
        .resource_version
        .as_deref()
        .unwrap_or("0")
        .parse()
        .unwrap_or(0)
}
