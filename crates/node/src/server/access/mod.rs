//! Who may ask the node what, as the kubelet decides it: clients prove themselves by a certificate of the cluster's authority or a
//! bearer token, and the API server says whose a token is (TokenReview) and what they may (SubjectAccessReview). Nobody is let in
//! who proves nothing.

mod attributes;
mod expiring;
mod reviews;
mod user;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use navarch_client::Client;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use self::attributes::Attributes;
use self::expiring::Expiring;
pub(super) use self::user::Proof;
use self::user::User;
use super::{Body, answer};

/// How long the API server's word on whose a token is holds. These are the kubelet's times and sizes.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 60);
/// How long it may be that somebody still may.
const ALLOWED_TTL: Duration = Duration::from_secs(5 * 60);
/// How long it may be that somebody still may not.
const DENIED_TTL: Duration = Duration::from_secs(30);
/// The tokens that are remembered.
const TOKENS: usize = 4096;
/// The decisions that are remembered.
const DECISIONS: usize = 8192;
/// What of somebody's and their request's own words is remembered at most, in bytes: more may be an attack on the memory.
const REMEMBERED_BYTES: usize = 10_000;
/// The longest token that the API server is asked about.
const TOKEN_BYTES: usize = 16 << 10;

/// The node's gate.
pub(super) struct Access {
    client: Client,
    /// The node's name.
    node: String,
    tokens: Mutex<Expiring<[u8; 32], Arc<User>>>,
    decisions: Mutex<Expiring<Asked, bool>>,
}

/// Who asks for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    user: Arc<User>,
    verb: &'static str,
    subresource: &'static str,
}

impl Access {
    /// `client`: the API as this node, which may ask about others.
    pub(super) fn new(client: Client, node: &str) -> Self {
        Self {
            client,
            node: node.to_owned(),
            tokens: Mutex::new(Expiring::new(TOKENS)),
            decisions: Mutex::new(Expiring::new(DECISIONS)),
        }
    }

    /// Lets a request through, or says how it is refused.
    pub(super) async fn check(
        &self,
        proof: Option<&Proof>,
        request: &Parts,
    ) -> Result<(), Response<Body>> {
        let user = self.authenticate(proof, &request.headers).await;
        let user = user.ok_or_else(|| refused(StatusCode::UNAUTHORIZED, "Unauthorized"))?;
        let attributes = Attributes::of(&request.method, request.uri.path());
        for &subresource in attributes.subresources {
            let asked = Asked {
                user: user.clone(),
                verb: attributes.verb,
                subresource,
            };
            match self.is_allowed(asked).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "the API server cannot be asked who may");
                    let why = attributes.failed(&user.name, subresource);
                    return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, why));
                }
            }
        }
        let why = attributes.forbidden(&user.name);
        Err(refused(StatusCode::FORBIDDEN, why))
    }

    /// By the certificate, or else by the token.
    async fn authenticate(&self, proof: Option<&Proof>, headers: &HeaderMap) -> Option<Arc<User>> {
        let now = jiff::Timestamp::now().as_second();
        if let Some(user) = proof.and_then(|proof| proof.user(now)) {
            return Some(user);
        }
        let token = bearer(headers).filter(|token| token.len() <= TOKEN_BYTES)?;
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let now = Instant::now();
        if let Some(user) = self.tokens.lock().get(&digest, now) {
            return Some(user);
        }
        match reviews::user_of(&self.client, token).await {
            Ok(user) => {
                let user = Arc::new(user?);
                self.tokens
                    .lock()
                    .put(digest, user.clone(), now + TOKEN_TTL);
                Some(user)
            }
            Err(error) => {
                tracing::warn!(%error, "the API server cannot be asked whose a token is");
                None
            }
        }
    }

    async fn is_allowed(&self, asked: Asked) -> navarch_machinery::status::Result<bool> {
        let now = Instant::now();
        if let Some(known) = self.decisions.lock().get(&asked, now) {
            return Ok(known);
        }
        let allowed = reviews::may(&self.client, &self.node, &asked).await?;
        if asked.user.bytes() <= REMEMBERED_BYTES {
            let ttl = if allowed { ALLOWED_TTL } else { DENIED_TTL };
            self.decisions.lock().put(asked, allowed, now + ttl);
        }
        Ok(allowed)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.trim().split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    is_token.then_some(token)
}

fn refused(status: StatusCode, why: impl Into<bytes::Bytes>) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", why)
}
