//! Calls from this process: the same pipeline, without sockets and without JSON.

use std::borrow::Cow;
use std::sync::Arc;

use futures::StreamExt;
use navarch_api::call::{Answer, Body, Call, Endpoint, WatchEvent, WatchStream};
use navarch_api::def::Verb as CallVerb;
use navarch_auth::UserInfo;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use crate::ApiServer;
use crate::managed::part_name;
use crate::pipeline::Handled;
use crate::registry::{Change, Feed, Input, Request, WatchFeed};
use crate::reply::{Output, Reply};
use crate::request::{Params, RequestInfo, Verb};
use crate::served::Follower;

/// A part of this process that calls as somebody.
struct Caller {
    server: Arc<ApiServer>,
    user: Arc<UserInfo>,
}

impl ApiServer {
    /// The way into the pipeline for a part of this process that is known to be `user`.
    pub fn as_user(self: &Arc<Self>, user: UserInfo) -> Arc<dyn Endpoint> {
        Arc::new(Caller {
            server: self.clone(),
            user: Arc::new(user),
        })
    }
}

impl Caller {
    async fn answer(&self, call: Call) -> Result<Reply> {
        let params = Params::of(&call.options);
        let info = info(&call);
        let method = method(call.verb);
        self.server.authorize(&self.user, &info, &params, method)?;
        let served = self.server.resource(&info)?;
        let body = match call.body.clone() {
            Body::None => Input::None,
            Body::Object(object) => Input::Object(object),
            Body::Json(value) => Input::Value(value),
            Body::Patch(kind, value) => Input::PatchValue(kind, value),
        };
        let request = Request {
            info: &info,
            params: &params,
            served,
            agent: part_name(&self.user.name),
            user: &self.user,
            body,
            now: self.server.clock.now(),
            warnings: Vec::new(),
        };
        match self.server.route(request, None).await {
            Handled::Reply(reply) => Ok(reply),
            Handled::Refused(error, _) => Err(error),
            Handled::Streamed(_) => Err(StatusError::bad_request(
                "streams need a connection of their own",
            )),
        }
    }
}

#[async_trait::async_trait]
impl Endpoint for Caller {
    async fn call(&self, call: Call) -> Result<Answer> {
        match self.answer(call).await?.output {
            Output::Stored {
                served,
                entry,
                object,
                ..
            } => object
                .map_or_else(|| served.share(&entry), Ok)
                .map(Answer::Object),
            Output::Object { object, .. } => Ok(Answer::Object(object)),
            Output::Value { value, code: 410 } => {
                let message = value
                    .get("message")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default();
                Err(StatusError::expired(message))
            }
            Output::Value { value, .. } => Ok(Answer::Json(value)),
            Output::List(list) => Ok(Answer::List {
                items: list.objects()?,
                resource_version: list.revision.to_string(),
                continue_token: list.continue_token,
            }),
            Output::Watch(_) => Err(StatusError::bad_request("a watch is no call")),
        }
    }

    async fn watch(&self, mut call: Call) -> Result<WatchStream> {
        call.verb = CallVerb::Watch;
        match self.answer(call).await?.output {
            Output::Watch(feed) => Ok(events(*feed)),
            _ => Err(StatusError::internal("a watch was not answered with one")),
        }
    }
}

fn events(feed: WatchFeed) -> WatchStream {
    let state = (Follower::new(&feed.served), feed, Vec::new());
    let batches = futures::stream::unfold(state, |(follower, mut feed, mut batch)| async move {
        if !feed.next(&mut batch).await {
            return None;
        }
        let events: Vec<Result<WatchEvent>> =
            batch.drain(..).map(|item| event(&feed, item)).collect();
        Some((futures::stream::iter(events), (follower, feed, batch)))
    });
    Box::pin(batches.flatten())
}

fn event(feed: &WatchFeed, item: Feed) -> Result<WatchEvent> {
    match item {
        Feed::Change { change, entry, .. } => {
            let object: Arc<dyn Object> = feed.served.share(&entry)?;
            Ok(match change {
                Change::Added => WatchEvent::Added(object),
                Change::Modified => WatchEvent::Modified(object),
                Change::Deleted => WatchEvent::Deleted(object),
            })
        }
        Feed::Bookmark { revision, .. } => Ok(WatchEvent::Bookmark(revision.to_string())),
        Feed::Failed(error) => Err(error),
    }
}

fn info(call: &Call) -> RequestInfo<'_> {
    fn text(text: &Option<String>) -> Cow<'_, str> {
        Cow::Borrowed(text.as_deref().unwrap_or_default())
    }
    let own_name = call.resource.group.is_empty() && call.resource.resource == "namespaces";
    RequestInfo {
        resource_request: true,
        path: "",
        verb: verb(call.verb),
        group: Cow::Borrowed(&call.resource.group),
        version: Cow::Borrowed(&call.resource.version),
        resource: Cow::Borrowed(&call.resource.resource),
        subresource: text(&call.subresource),
        namespace: if own_name {
            text(&call.name)
        } else {
            text(&call.namespace)
        },
        name: text(&call.name),
        rest: "",
    }
}

fn verb(verb: CallVerb) -> Verb {
    match verb {
        CallVerb::Create => Verb::Create,
        CallVerb::Delete => Verb::Delete,
        CallVerb::DeleteCollection => Verb::DeleteCollection,
        CallVerb::Get => Verb::Get,
        CallVerb::List => Verb::List,
        CallVerb::Patch => Verb::Patch,
        CallVerb::Update => Verb::Update,
        CallVerb::Watch => Verb::Watch,
    }
}

fn method(verb: CallVerb) -> &'static str {
    match verb {
        CallVerb::Create => "POST",
        CallVerb::Delete | CallVerb::DeleteCollection => "DELETE",
        CallVerb::Get | CallVerb::List | CallVerb::Watch => "GET",
        CallVerb::Patch => "PATCH",
        CallVerb::Update => "PUT",
    }
}
