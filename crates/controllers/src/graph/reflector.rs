//! Keeps one kind's objects in the graph: a list page by page, then a watch, and again when it is lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use navarch_api::call::{Answer, Body, Call, Gvr, Options, WatchEvent};
use navarch_api::def::{ResourceDef, Verb};
use navarch_client::{Backoff, Client};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Node, Shared};

/// The objects of a page: decoded, they are dropped with it.
const PAGE: u64 = 500;

pub(super) async fn reflect(client: Client, kind: Arc<ResourceDef>, shared: Arc<Shared>) {
    let mut reflector = Reflector {
        client,
        kind,
        shared,
        failures: 0,
        listed: false,
    };
    loop {
        if let Err(error) = reflector.list_and_watch().await {
            reflector.failures = reflector.failures.saturating_add(1);
            // The first time an old version is refused a new list is the remedy; from then on it is a failure as any other.
            let at_once = error.is_expired() && reflector.failures == 1;
            let wait = if at_once {
                Duration::ZERO
            } else {
                Backoff::REFLECTOR.after(reflector.failures)
            };
            tracing::debug!(kind = %reflector.kind.kind, %error, ?wait, "list and watch for the owner graph ended");
            tokio::time::sleep(wait).await;
        }
    }
}

struct Reflector {
    client: Client,
    kind: Arc<ResourceDef>,
    shared: Arc<Shared>,
    failures: u32,
    listed: bool,
}

impl Reflector {
    async fn list_and_watch(&mut self) -> Result<()> {
        let mut version = self.list().await?;
        if !std::mem::replace(&mut self.listed, true) {
            self.shared
                .missing
                .send_modify(|missing| *missing = missing.saturating_sub(1));
        }
        loop {
            if !self.watch(&mut version).await? {
                // A server that closes watches at once must not be asked in a tight loop.
                self.failures = self.failures.saturating_add(1);
                tokio::time::sleep(Backoff::REFLECTOR.after(self.failures)).await;
            }
        }
    }

    fn call(&self, verb: Verb, options: Options) -> Call {
        Call {
            verb,
            resource: Gvr {
                group: self.kind.group.to_string(),
                version: self.kind.version.to_string(),
                resource: self.kind.plural.to_string(),
            },
            namespace: None,
            name: None,
            subresource: None,
            body: Body::None,
            options,
        }
    }

    /// Puts in what there is and takes out what there no longer is; answers where a watch goes on.
    async fn list(&self) -> Result<String> {
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        let mut token = String::new();
        loop {
            let options = Options {
                limit: PAGE,
                continue_token: token,
                ..Options::default()
            };
            let answer = self.client.call(self.call(Verb::List, options)).await?;
            let Answer::List {
                items,
                resource_version,
                continue_token,
            } = answer
            else {
                return Err(StatusError::internal(
                    "a list was answered with something else",
                ));
            };
            for object in items {
                if let Some(node) = Node::of(&self.kind, object.as_ref()) {
                    seen.insert(node.uid.clone());
                    self.shared.put(node);
                }
            }
            if continue_token.is_empty() {
                let gone =
                    self.shared
                        .state
                        .read()
                        .others(&self.kind.plural, &self.kind.group, &seen);
                gone.iter().for_each(|uid| self.shared.remove(uid));
                return Ok(resource_version);
            }
            token = continue_token;
        }
    }

    /// Follows changes after `version`, and moves it on. Answers whether it heard anything before the server closed.
    async fn watch(&mut self, version: &mut String) -> Result<bool> {
        let options = Options {
            resource_version: version.clone(),
            bookmarks: true,
            ..Options::default()
        };
        let mut events = self
            .client
            .watch_call(self.call(Verb::Watch, options))
            .await?;
        let mut heard = false;
        while let Some(event) = events.next().await {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    note_version(version, object.as_ref());
                    if let Some(node) = Node::of(&self.kind, object.as_ref()) {
                        self.shared.put(node);
                    }
                }
                WatchEvent::Deleted(object) => {
                    note_version(version, object.as_ref());
                    if let Some(uid) = &object.metadata().uid {
                        self.shared.remove(uid);
                    }
                }
                WatchEvent::Bookmark(at) => *version = at,
            }
            heard = true;
            self.failures = 0;
        }
        Ok(heard)
    }
}

fn note_version(version: &mut String, object: &dyn Object) {
    if let Some(at) = &object.metadata().resource_version {
        version.clone_from(at);
    }
}
