//! One HTTP request, from its head to its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_TYPE, EXPECT, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use navarch_api::call::PatchKind;
use navarch_auth::UserInfo;
use navarch_machinery::status::{Result, StatusError};

use super::answer::{Encoder, error_response, late, warn};
use super::body;
use super::paths::as_it_says;
use crate::ApiServer;
use crate::encode::body::ReplyBody;
use crate::pipeline::{Connection, Handled, asked, passed_over};
use crate::registry::{Input, Request, Upgrade};
use crate::request::accept::{self, Format};
use crate::request::{Params, RequestInfo, Verb, protobuf};
use crate::served::Served;

/// By what a request is found again in what is logged of it.
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

impl ApiServer {
    /// Answers a request.
    pub(super) async fn handle(
        &self,
        connection: &Connection,
        request: hyper::Request<Incoming>,
    ) -> Response<ReplyBody> {
        let began = Instant::now();
        let (mut parts, body) = request.into_parts();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let accepts = header(&parts.headers, &ACCEPT);
        let params = Params::parse(parts.uri.query().unwrap_or_default());
        let Some(info) = RequestInfo::parse(&parts.method, parts.uri.path(), params.wants_watch())
        else {
            return error_response(
                &StatusError::bad_request("the path is not well encoded"),
                accepts,
            );
        };
        let mut served = None;
        let mut forbidden = false;
        let mut warning = None;
        let permitted = deadline(&info, &params)
            .and_then(|_| {
                forbidden = true;
                self.authenticate(connection, &parts.headers)
            })
            .and_then(|known| {
                warning = known.warning;
                let method = parts.method.as_str();
                asked(&info, &params, method, |attributes| {
                    self.impersonate(known.user, &parts.headers, attributes)
                })
            })
            .and_then(|user| {
                self.authorize(&user, &info, &params, parts.method.as_str())?;
                forbidden = false;
                if info.resource_request {
                    served = Some(self.resource(&info)?);
                    fits(&parts.method, &info)?;
                }
                Ok(user)
            });
        let answer = match (permitted, served) {
            (Err(error), _) => {
                // Who waits to be told to send its body is not told to.
                if !parts.headers.contains_key(EXPECT) {
                    body::refuse(body, parts.version).await;
                }
                Err(error)
            }
            (Ok(_), None) => Ok(self.path(&parts)),
            (Ok(user), Some(served)) => {
                let exchange = Exchange {
                    parts: &parts,
                    info: &info,
                    params: &params,
                    served,
                    user: &user,
                };
                self.in_time(exchange, body, upgrade).await
            }
        };
        let mut response = answer.unwrap_or_else(|error| {
            let mut response = error_response(&error, accepts);
            if forbidden && error.code != StatusCode::UNAUTHORIZED {
                as_it_says(&mut response);
            }
            response
        });
        audited(&mut response, &parts.headers);
        if let Some(text) = warning.or_else(|| passed_over(connection, &parts.headers)) {
            warn(&mut response, &[text.to_owned()]);
        }
        if let Some(text) = served.and_then(|served| served.def.deprecation.as_deref()) {
            warn(&mut response, &[text.to_owned()]);
        }
        self.metrics.answered(
            &info,
            served.map(|served| &**served),
            response.status().as_u16(),
            began.elapsed(),
        );
        response
    }

    /// Answers within the time that the client gives. A write that is under way is finished all the same.
    async fn in_time(
        &self,
        exchange: Exchange<'_>,
        body: Incoming,
        upgrade: Option<OnUpgrade>,
    ) -> Result<Response<ReplyBody>> {
        let Exchange { info, params, .. } = &exchange;
        let timeout = deadline(info, params)?.filter(|_| info.verb.reads());
        let answer = self.exchange(exchange, body, upgrade);
        match timeout {
            None => answer.await,
            Some(timeout) => match tokio::time::timeout(timeout, answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(late()),
            },
        }
    }

    async fn exchange(
        &self,
        exchange: Exchange<'_>,
        body: Incoming,
        upgrade: Option<OnUpgrade>,
    ) -> Result<Response<ReplyBody>> {
        let Exchange {
            parts,
            info,
            params,
            served,
            user,
        } = exchange;
        let encoder = Encoder::new(&parts.headers, params, info, served)?;
        let (body, passed) = if info.is_proxied() {
            (Input::None, Some(body))
        } else if info.verb.reads() {
            (Input::None, None)
        } else {
            (input(info, served, &parts.headers, body).await?, None)
        };
        let upgrade = (!info.subresource.is_empty()).then(|| Upgrade {
            method: parts.method.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            host: host(parts),
            body: passed,
            connection: upgrade,
        });
        let request = Request {
            info,
            params,
            served,
            agent: header(&parts.headers, &USER_AGENT).unwrap_or_default(),
            user,
            body,
            now: self.clock.now(),
            warnings: Vec::new(),
        };
        match self.route(request, upgrade).await {
            Handled::Streamed(response) => Ok(response),
            Handled::Reply(reply) => encoder.encode(self, reply),
            Handled::Refused(error, warned) => {
                let mut response = error_response(&error, header(&parts.headers, &ACCEPT));
                warn(&mut response, &warned);
                Ok(response)
            }
        }
    }
}

/// Refuses a path that goes on behind its end, and methods that no resource has. What is proxied may do both; but who may watch may
/// only watch, and nothing of a part of an object.
fn fits(method: &Method, info: &RequestInfo<'_>) -> Result<()> {
    let watches = info.verb == Verb::Watch;
    if watches && !info.subresource.is_empty() {
        return Err(StatusError::no_such_path());
    }
    if info.is_proxied() {
        return Ok(());
    }
    if !info.rest.is_empty() {
        return Err(StatusError::no_such_path());
    }
    if *method == Method::HEAD || (watches && *method != Method::GET) {
        return Err(StatusError::method_not_allowed());
    }
    Ok(())
}

/// How long the client waits. Who watches or follows a stream waits as long as it likes.
fn deadline(info: &RequestInfo<'_>, params: &Params<'_>) -> Result<Option<Duration>> {
    if info.verb == Verb::Watch || info.is_stream() {
        return Ok(None);
    }
    params.timeout()
}

/// Gives the answer the name of the request: the one that the client gave it, or a new one.
fn audited(response: &mut Response<ReplyBody>, headers: &HeaderMap) {
    let given = headers.get(AUDIT_ID).filter(|id| !id.is_empty()).cloned();
    let id = given.or_else(|| HeaderValue::from_str(&crate::random::uuid()).ok());
    response.headers_mut().extend(id.map(|id| (AUDIT_ID, id)));
}

struct Exchange<'a> {
    parts: &'a Parts,
    info: &'a RequestInfo<'a>,
    params: &'a Params<'a>,
    served: &'a Arc<Served>,
    user: &'a UserInfo,
}

/// What the client calls this server: in HTTP/2 it is part of the URI.
fn host(parts: &Parts) -> String {
    let authority = parts.uri.authority().map(ToString::to_string);
    authority
        .or_else(|| header(&parts.headers, &HOST).map(str::to_owned))
        .unwrap_or_default()
}

/// A header as text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads the body as what the content type says it is.
async fn input(
    info: &RequestInfo<'_>,
    served: &Served,
    headers: &HeaderMap,
    incoming: Incoming,
) -> Result<Input> {
    let verb = info.verb;
    let content_type = header(headers, &CONTENT_TYPE);
    if verb == Verb::Patch {
        let kind = match accept::media(content_type) {
            "application/json-patch+json" => PatchKind::Json,
            "application/merge-patch+json" => PatchKind::Merge,
            "application/strategic-merge-patch+json" => PatchKind::Strategic,
            "application/apply-patch+yaml" => PatchKind::Apply,
            _ => return Err(crate::registry::unsupported_patch()),
        };
        return Ok(Input::Patch(kind, body::read(incoming).await?));
    }
    let bytes = body::read(incoming).await?;
    if bytes.is_empty() && matches!(verb, Verb::Delete | Verb::DeleteCollection) {
        return Ok(Input::None);
    }
    match accept::body_format(content_type, || served.in_protobuf())? {
        Format::Json => Ok(Input::Json(bytes)),
        Format::Yaml => Ok(Input::Yaml(bytes)),
        Format::Protobuf => {
            let json = protobuf::to_json(&bytes, &expected(info, served))?;
            Ok(Input::Json(json.into()))
        }
    }
}

/// What a body is taken for that does not say what it is.
fn expected(info: &RequestInfo<'_>, served: &Served) -> protobuf::Expected {
    let def = &served.def;
    let deletes = matches!(info.verb, Verb::Delete | Verb::DeleteCollection);
    let body = def
        .subresource(&info.subresource)
        .and_then(|sub| sub.body.as_ref());
    match body {
        _ if deletes => protobuf::Expected::new("", "v1", "DeleteOptions"),
        Some((group, version, kind)) => protobuf::Expected::new(group, version, kind),
        None => protobuf::Expected::new(&def.group, &def.version, &def.kind),
    }
}
