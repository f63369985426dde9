//! Proxying: requests below `…/pods/NAME/proxy/`, and those of services and nodes, go on to what listens there.
//!
//! Only addresses of pods and nodes are reached, never this host's own or a link's (`address not allowed`): whoever may proxy would
//! otherwise reach what only this server can. Redirects are handed to the client, not followed. A connection whose upgrade the backend
//! refused is closed with its answer (CVE-2018-1002105).

mod backend;
mod forward;
mod identifier;
mod location;
mod page;
pub(crate) mod relay;
mod rewrite;
mod tls;

use std::sync::Arc;

use http::header::{LOCATION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use navarch_machinery::status::Result;

use crate::ApiServer;
use crate::encode::body::ReplyBody;
use crate::registry::{Request, Upgrade};
use crate::request::Verb;

pub use backend::Wire;
pub(crate) use backend::failure;
pub(crate) use forward::{Forwarded, forward, no_upgrade};
use rewrite::Prefix;

impl ApiServer {
    /// Forwards a request to a pod, a service's endpoint or a node.
    pub(crate) async fn proxy(
        &self,
        request: &Request<'_>,
        upgrade: Upgrade,
    ) -> Result<Response<ReplyBody>> {
        let of_node = request.info.resource == "nodes";
        if of_node && request.info.verb != Verb::Create && upgrade.headers.contains_key(UPGRADE) {
            // A node's own API runs commands over it. Kubernetes lets who may `get` do so.
            self.authorize_also(request.user, request.info, "create")?;
        }
        let location = self.location(request)?;
        let prefix = Prefix::of(request.info.path, request.info.rest);
        let asks_for_upgrade = upgrade.connection.is_some();
        if let Some(path) = prefix.without_slash()
            && matches!(upgrade.method, Method::GET | Method::HEAD)
            && !asks_for_upgrade
        {
            return Ok(moved(&format!("{path}/"), &upgrade.query));
        }
        let wire = backend::connect(&location, self.node_proxy.as_ref()).await?;
        let host = location.authority();
        let rewritten = prefix.clone();
        let forwarded = Forwarded {
            path: prefix.inner(),
            uri: request.info.path.to_owned(),
            upgrade,
        };
        let requested = forwarded.upgrade.host.clone();
        let response = forward(wire, forwarded).await?;
        let (mut head, body) = response.into_parts();
        let (links, own) = (rewritten.clone(), [host.clone(), requested.clone()]);
        let link = move |url: &str| links.rewrite(url, &[&own[0], &own[1]]);
        let body = page::rewritten(&mut head.headers, body, link);
        let mut response = Response::from_parts(head, body);
        if let Some(target) = response.headers().get(LOCATION) {
            let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
            let target = rewritten.rewrite(&target, &[&host, &requested]);
            if let Ok(value) = HeaderValue::from_str(&target) {
                response.headers_mut().insert(LOCATION, value);
            }
        }
        Ok(response)
    }
}

/// Relative links of a page are right only where its own path ends in a slash.
fn moved(path: &str, query: &str) -> Response<ReplyBody> {
    let target = match query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    let mut response = Response::new(ReplyBody::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(value) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

/// Whatever proxies to the nodes' own API.
type Nodes = Arc<dyn crate::registry::NodeProxy>;

/// The headers that are between two neighbours, and none of the backend's or the client's business.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in named {
        headers.remove(name.as_str());
    }
    for name in [
        "connection",
        "proxy-connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
}
