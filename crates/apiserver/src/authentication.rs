//! Who a request comes from: a client certificate, a static token, a service account's token or a bootstrap token.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use navarch_api::bootstrap_token::NAMESPACE;
use navarch_auth::{BootstrapToken, StaticTokens, TokenKey, UserInfo, identity_of_certificate};
use navarch_store::Store;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

use crate::encode::scan;
use crate::identity::Authenticator;

/// Verified service account tokens that are remembered: verifying costs as much as everything else of a request.
const REMEMBERED: usize = 4096;

/// The authenticators of this server, one after another.
pub struct Credentials {
    store: Arc<dyn Store>,
    tokens: StaticTokens,
    key: Option<Arc<TokenKey>>,
    verified: Mutex<HashMap<Box<str>, Verified>>,
    shared: Mutex<HashMap<Box<str>, Arc<UserInfo>>>,
}

#[derive(Clone)]
struct Verified {
    user: Arc<UserInfo>,
    expires: i64,
    /// The keys of the objects that the token dies with, and their uids.
    alive: Arc<[(String, String)]>,
}

impl Credentials {
    /// `store`: where service accounts are looked up, so that a token dies with its account and its pod.
    pub fn new(store: Arc<dyn Store>, tokens: StaticTokens, key: Option<Arc<TokenKey>>) -> Self {
        Self {
            store,
            tokens,
            key,
            verified: Mutex::default(),
            shared: Mutex::default(),
        }
    }

    fn static_user(&self, token: &str) -> Option<Arc<UserInfo>> {
        let mut shared = self.shared.lock();
        if let Some(user) = shared.get(token) {
            return Some(user.clone());
        }
        // Grows with the tokens in the file only: nothing is kept of a token that is none.
        let user = Arc::new(self.tokens.user(token)?.clone());
        shared.insert(token.into(), user.clone());
        Some(user)
    }

    fn service_account(&self, token: &str) -> Option<Arc<UserInfo>> {
        let key = self.key.as_ref()?;
        let now = Timestamp::now().as_second();
        let known = self.verified.lock().get(token).cloned();
        let verified = match known {
            Some(verified) => verified,
            None => {
                let claims = key.verify(token, &[key.issuer()], now).ok()?;
                let namespace = claims.namespace();
                let of = |bucket: &str, object: &navarch_auth::BoundObject| {
                    (
                        format!("{bucket}/{namespace}/{}", object.name),
                        object.uid.clone(),
                    )
                };
                let mut alive = vec![of("serviceaccounts", claims.service_account())];
                alive.extend(claims.pod().map(|pod| of("pods", pod)));
                // A pod's token tells its node, and dies with the pod alone.
                let node = claims.node().filter(|_| claims.pod().is_none());
                alive.extend(node.map(|node| (format!("nodes/{}", node.name), node.uid.clone())));
                alive.extend(claims.secret().map(|secret| of("secrets", secret)));
                let verified = Verified {
                    user: Arc::new(claims.user()),
                    expires: claims.expires(),
                    alive: alive.into(),
                };
                let mut kept = self.verified.lock();
                if kept.len() >= REMEMBERED {
                    kept.clear();
                }
                kept.insert(token.into(), verified.clone());
                verified
            }
        };
        (verified.expires > now && verified.alive.iter().all(|(key, uid)| self.lives(key, uid)))
            .then_some(verified.user)
    }

    /// The secret is looked up by its name, which is the token's id: it is read as it is now, and nothing of it is remembered.
    fn bootstrap(&self, token: &str) -> Option<Arc<UserInfo>> {
        let token = BootstrapToken::parse(token)?;
        let key = format!("secrets/{NAMESPACE}/{}", token.secret_name());
        let entry = self.store.snapshot().get(&key)?;
        let secret: Secret = serde_json::from_slice(&entry.value).ok()?;
        token.user(&secret, Timestamp::now()).map(Arc::new)
    }

    fn lives(&self, key: &str, uid: &str) -> bool {
        let Some(entry) = self.store.snapshot().get(key) else {
            return false;
        };
        let there = scan::in_metadata(&entry.value, "uid")
            .and_then(|range| scan::text(&entry.value, range));
        there == Some(uid)
    }
}

impl Authenticator for Credentials {
    fn certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<UserInfo>> {
        identity_of_certificate(chain.first()?).ok().map(Arc::new)
    }

    fn token(&self, token: &str) -> Option<Arc<UserInfo>> {
        self.static_user(token)
            .or_else(|| self.service_account(token))
            .or_else(|| self.bootstrap(token))
    }
}
