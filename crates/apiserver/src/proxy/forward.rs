//! One request over one connection to a backend.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use navarch_machinery::status::{Result, StatusError};

use super::backend::{Wire, unreachable};
use super::{relay, remove_hop_by_hop};
use crate::encode::body::ReplyBody;
use crate::registry::Upgrade;

/// A request as the backend is to see it.
pub(crate) struct Forwarded {
    /// The path there.
    pub(crate) path: String,
    /// The path here, which the backend is told.
    pub(crate) uri: String,
    /// The rest of the client's request.
    pub(crate) upgrade: Upgrade,
}

type Body = Either<Incoming, Empty<Bytes>>;
type Sender = hyper::client::conn::http1::SendRequest<Body>;

/// Sends the request and hands the answer through. It takes as long as the backend takes: the client may leave.
pub(crate) async fn forward(
    wire: Box<dyn Wire>,
    forwarded: Forwarded,
) -> Result<Response<ReplyBody>> {
    let mut sender = relay::open(wire).await.map_err(unreachable)?;
    let Forwarded { path, uri, upgrade } = forwarded;
    let wanted = upgrade.headers.get(UPGRADE).cloned();
    let path = match &*upgrade.query {
        "" => path,
        query => format!("{path}?{query}"),
    };
    // Only one that asked for an upgrade may get one.
    let client = upgrade.connection.filter(|_| wanted.is_some());
    let body = match (upgrade.body, &client) {
        (Some(body), None) => Either::Left(body),
        _ => Either::Right(Empty::new()),
    };
    let mut request = Request::builder()
        .method(upgrade.method)
        .uri(path)
        .body(body)
        .map_err(StatusError::internal)?;
    *request.headers_mut() = headers(upgrade.headers, &upgrade.host, &uri);
    if client.is_some() {
        // What the client sends is for the other protocol.
        request.headers_mut().remove(CONTENT_LENGTH);
    }
    if let (Some(_), Some(protocol)) = (&client, wanted) {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    let answer = sender.send_request(request).await.map_err(unreachable)?;
    match (answer.status(), client) {
        (StatusCode::SWITCHING_PROTOCOLS, Some(client)) => Ok(switched(answer, client)),
        (StatusCode::SWITCHING_PROTOCOLS, None) => {
            Err(unreachable("the backend switched protocols unasked"))
        }
        (status, Some(_)) if status.as_u16() < 400 => Err(no_upgrade(status)),
        (_, client) => {
            let mut response = streamed(answer, sender);
            if client.is_some() {
                // What the client sends next on this connection was meant for the other protocol.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok(response)
        }
    }
}

/// What is neither an upgrade nor a refusal of one: a redirect above all, which nobody is to follow with what the client proves itself
/// by (CVE-2020-8559).
pub(crate) fn no_upgrade(status: StatusCode) -> StatusError {
    let status = status.as_u16();
    let message = format!("invalid upgrade response: status code {status}");
    StatusError::new(500, "", message)
}

/// The client's headers without those that were for this server: it has seen who asks, and nobody else is to.
fn headers(mut headers: HeaderMap, host: &str, uri: &str) -> HeaderMap {
    remove_hop_by_hop(&mut headers);
    headers.remove(AUTHORIZATION);
    let ours: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("impersonate-"))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.insert(HOST, host);
    }
    if let Ok(uri) = HeaderValue::from_str(uri) {
        headers.insert("x-forwarded-uri", uri);
    }
    headers
}

/// The backend's answer as a stream, for as long as the client listens.
fn streamed(answer: Response<Incoming>, sender: Sender) -> Response<ReplyBody> {
    let (mut head, body) = answer.into_parts();
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    remove_hop_by_hop(&mut head.headers);
    if chunked {
        head.headers.remove(CONTENT_LENGTH);
    }
    let mut response = Response::new(relay::body(body, sender));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

/// The switch of protocols, after which bytes go both ways until one side ends.
fn switched(
    mut answer: Response<Incoming>,
    client: hyper::upgrade::OnUpgrade,
) -> Response<ReplyBody> {
    relay::between(client, hyper::upgrade::on(&mut answer));
    let mut response = Response::new(ReplyBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = answer.headers().clone();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_does_not_see_how_the_client_proved_itself() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("impersonate-user", "root"),
            ("impersonate-extra-a", "b"),
            ("connection", "keep-alive, x-mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("accept", "text/html"),
        ] {
            given.append(name, HeaderValue::from_static(value));
        }
        let sent = headers(given, "api:6443", "/api/v1/x");
        let mut names: Vec<&str> = sent.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host", "x-forwarded-uri"]);
    }
}
