//! Who a request comes from: a client certificate, a static token, a service account's token or a bootstrap token.

mod legacy;
mod service_accounts;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use navarch_api::bootstrap_token::NAMESPACE;
use navarch_auth::{BootstrapToken, StaticTokens, TokenKeys, UserInfo, identity_of_certificate};
use navarch_store::Store;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;

use self::service_accounts::ServiceAccounts;
use crate::identity::{Authenticator, Recognised, UsedToken};

pub(crate) use legacy::LAST_USED;

/// The authenticators of this server, one after another.
pub struct Credentials {
    tokens: StaticTokens,
    shared: Mutex<HashMap<Box<str>, Arc<UserInfo>>>,
    accounts: Option<ServiceAccounts>,
    store: Arc<dyn Store>,
}

impl Credentials {
    /// `store`: where service accounts are looked up, so that a token dies with its account and its pod.
    pub fn new(store: Arc<dyn Store>, tokens: StaticTokens, keys: Option<Arc<TokenKeys>>) -> Self {
        Self {
            tokens,
            shared: Mutex::default(),
            accounts: keys.map(|keys| ServiceAccounts::new(store.clone(), keys)),
            store,
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

    /// The secret is looked up by its name, which is the token's id: it is read as it is now, and nothing of it is remembered.
    fn bootstrap(&self, token: &str) -> Option<Arc<UserInfo>> {
        let token = BootstrapToken::parse(token)?;
        let key = format!("secrets/{NAMESPACE}/{}", token.secret_name());
        let entry = self.store.snapshot().get(&key)?;
        let secret: Secret = serde_json::from_slice(&entry.value).ok()?;
        token.user(&secret, Timestamp::now()).map(Arc::new)
    }

    fn service_account(&self, token: &str, audiences: &[String]) -> Option<Recognised> {
        self.accounts.as_ref()?.recognise(token, audiences)
    }
}

impl Authenticator for Credentials {
    fn certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<UserInfo>> {
        identity_of_certificate(chain.first()?).ok().map(Arc::new)
    }

    fn token(&self, token: &str, audiences: &[String]) -> Option<Recognised> {
        self.static_user(token)
            .or_else(|| self.bootstrap(token))
            .map(Recognised::from)
            .or_else(|| self.service_account(token, audiences))
    }

    fn used(&self) -> Option<mpsc::Receiver<UsedToken>> {
        self.accounts.as_ref()?.used()
    }
}
