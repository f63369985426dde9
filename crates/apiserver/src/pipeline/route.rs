//! From a request to the part of the registry that answers it.

use std::sync::Arc;

use http::Response;
use k8s_openapi::api::core::v1::Pod;
use navarch_api::def::{ResourceDef, Source, Special, SubresourceKind, Verb as Has};
use navarch_api::naming::path_segment;
use navarch_machinery::status::{Result, StatusError};

use crate::ApiServer;
use crate::encode::body::ReplyBody;
use crate::registry::{Request, Upgrade};
use crate::reply::{Output, Reply};
use crate::request::{RequestInfo, Verb};
use crate::served::Served;

/// How a request was handled.
pub(crate) enum Handled {
    /// With an answer that is still to be encoded.
    Reply(Reply),
    /// With a stream that is bytes already.
    Streamed(Response<ReplyBody>),
    /// Not: with what the client was to be told beside the refusal.
    Refused(StatusError, Vec<String>),
}

enum Routed {
    Output(Output),
    Streamed(Response<ReplyBody>),
}

impl ApiServer {
    /// The resource that a request is about, if it is served and has the verb there.
    pub(crate) fn resource(&self, info: &RequestInfo<'_>) -> Result<&Arc<Served>> {
        let served = self
            .directory
            .find(&info.group, &info.version, &info.resource);
        let served = served.ok_or_else(StatusError::no_such_path)?;
        let def = &served.def;
        // The namespace of a namespace's path is its own name: one named in another's would be permitted by that one's roles.
        let own_name = def.special == Special::Namespace && is_its_own(info);
        if !def.is_namespaced() && !info.namespace.is_empty() && !own_name {
            return Err(StatusError::no_such_path());
        }
        if info.subresource.is_empty() {
            whole(def, info)?;
            return check_name(&info.name).map(|()| served);
        }
        if info.name.is_empty() || (def.is_namespaced() && info.namespace.is_empty()) {
            return Err(StatusError::no_such_path());
        }
        check_name(&info.name)?;
        let sub = def
            .subresource(&info.subresource)
            .ok_or_else(StatusError::no_such_path)?;
        // What is forwarded may have any method.
        if sub.kind == SubresourceKind::Proxy || allowed(&sub.verbs, info.verb) {
            Ok(served)
        } else {
            Err(StatusError::method_not_allowed())
        }
    }

    /// Answers a request whose resource and verb are known to fit.
    pub(crate) async fn route<'a>(
        &'a self,
        mut request: Request<'a>,
        upgrade: Option<Upgrade>,
    ) -> Handled {
        match self.dispatch(&mut request, upgrade).await {
            Ok(Routed::Output(output)) => Handled::Reply(Reply {
                output,
                warnings: request.warnings,
            }),
            Ok(Routed::Streamed(response)) => Handled::Streamed(response),
            Err(error) => Handled::Refused(error, request.warnings),
        }
    }

    /// Each write is a box of its own: the future of a request is moved several times on its way to where it is run, and every
    /// GET would carry the room that the largest write needs.
    async fn dispatch<'a>(
        &'a self,
        request: &mut Request<'a>,
        upgrade: Option<Upgrade>,
    ) -> Result<Routed> {
        let kind = request
            .served
            .def
            .subresource(&request.info.subresource)
            .map(|sub| sub.kind);
        let output = match kind {
            None => self.main(request).await?,
            Some(
                SubresourceKind::Status
                | SubresourceKind::EphemeralContainers
                | SubresourceKind::Resize
                | SubresourceKind::Finalize
                | SubresourceKind::Approval,
            ) => Box::pin(self.part(request)).await?,
            Some(SubresourceKind::Scale) => match request.info.verb {
                Verb::Update => Box::pin(self.update_scale(request)).await?,
                Verb::Patch => Box::pin(self.patch_scale(request)).await?,
                _ => self.get_scale(request)?,
            },
            Some(SubresourceKind::Binding) => {
                let name = request.info.name.clone();
                Box::pin(self.bind(request, Some(&name))).await?
            }
            Some(SubresourceKind::Eviction) => Box::pin(self.evict(request)).await?,
            Some(SubresourceKind::Token) => self.request_token(request)?,
            Some(action) => {
                let upgrade = upgrade.ok_or_else(|| {
                    StatusError::bad_request("streams need a connection of their own")
                })?;
                let response = match action {
                    SubresourceKind::Proxy => Box::pin(self.proxy(request, upgrade)).await?,
                    _ => Box::pin(self.stream(request, action, upgrade)).await?,
                };
                return Ok(Routed::Streamed(response));
            }
        };
        Ok(Routed::Output(output))
    }

    async fn main<'a>(&'a self, request: &mut Request<'a>) -> Result<Output> {
        match request.served.def.source {
            Source::Store => {}
            Source::Question(question) => return self.review(request, question),
            Source::Binding => {
                let pods = self.directory.of::<Pod>();
                request.served = pods.ok_or_else(StatusError::no_such_path)?;
                return Box::pin(self.bind(request, None)).await;
            }
            Source::Components if request.info.verb == Verb::Get => return self.component(request),
            Source::Components => return self.components(request),
        }
        match request.info.verb {
            Verb::Create => Box::pin(self.create(request)).await,
            Verb::Get => self.get(request).await,
            Verb::List => Box::pin(self.list(request)).await,
            Verb::Watch => Box::pin(self.watch(request)).await,
            Verb::Update => Box::pin(self.update(request)).await,
            Verb::Patch => Box::pin(self.patch(request)).await,
            Verb::Delete => Box::pin(self.delete(request)).await,
            Verb::DeleteCollection => Box::pin(self.delete_collection(request)).await,
            Verb::Other => Err(StatusError::method_not_allowed()),
        }
    }

    async fn part(&self, request: &mut Request<'_>) -> Result<Output> {
        match request.info.verb {
            Verb::Get => self.get(request).await,
            Verb::Patch => self.patch(request).await,
            _ => self.update(request).await,
        }
    }
}

/// Whether the namespace that a path names is that of a namespace: not one within another, be it of the same name.
fn is_its_own(info: &RequestInfo<'_>) -> bool {
    let mut segments = info.path.split('/').skip_while(|it| *it != "namespaces");
    info.namespace == info.name && segments.nth(2) != Some("namespaces")
}

/// Whether the path of a collection or an object is there, and the verb on it.
fn whole(def: &ResourceDef, info: &RequestInfo<'_>) -> Result<()> {
    let placed = !def.is_namespaced() || !info.namespace.is_empty();
    let any = |verbs: &[Verb]| verbs.iter().any(|verb| allowed(&def.verbs, *verb));
    let there = match info.name.is_empty() {
        true => placed || any(&[Verb::List]),
        false => placed && any(&[Verb::Get, Verb::Update, Verb::Patch, Verb::Delete]),
    };
    if !there || info.path.contains("//") {
        return Err(StatusError::no_such_path());
    }
    let across = matches!(info.verb, Verb::List | Verb::Watch);
    match allowed(&def.verbs, info.verb) {
        true if (placed || across) && fits(info) => Ok(()),
        false if info.verb == Verb::Watch && any(&[Verb::List]) => {
            Err(StatusError::not_supported("watch", &def.group, &def.plural))
        }
        _ => Err(StatusError::method_not_allowed()),
    }
}

/// Refuses a name that could not be part of a path. One with a slash is a longer path to Kubernetes.
fn check_name(name: &str) -> Result<()> {
    if name.contains('/') {
        return Err(StatusError::no_such_path());
    }
    let wrong = path_segment(name, false);
    if wrong.is_empty() {
        return Ok(());
    }
    let why = wrong.join(";");
    Err(StatusError::bad_request(format!(
        "Name parameter invalid: {name:?}: {why}"
    )))
}

/// Whether the verb is of an object or of a collection, whichever the path is of.
fn fits(info: &RequestInfo<'_>) -> bool {
    match info.verb {
        Verb::Create | Verb::List | Verb::DeleteCollection => info.name.is_empty(),
        Verb::Update | Verb::Patch | Verb::Delete | Verb::Get => !info.name.is_empty(),
        Verb::Watch => true,
        Verb::Other => false,
    }
}

fn allowed(verbs: &[Has], verb: Verb) -> bool {
    verbs.iter().any(|has| has.as_str() == verb.as_str())
}
