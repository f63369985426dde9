//! Who a request comes from: a client certificate, a static token or a service account's token.

mod legacy;
mod service_accounts;

use std::collections::HashMap;
use std::sync::Arc;

use navarch_auth::{StaticTokens, TokenKeys, UserInfo, identity_of_certificate};
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
}

impl Credentials {
    /// `store`: where service accounts are looked up, so that a token dies with its account and its pod.
    pub fn new(store: Arc<dyn Store>, tokens: StaticTokens, keys: Option<Arc<TokenKeys>>) -> Self {
        Self {
            tokens,
            shared: Mutex::default(),
            accounts: keys.map(|keys| ServiceAccounts::new(store, keys)),
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

    fn service_account(&self, token: &str) -> Option<Recognised> {
        self.accounts.as_ref()?.recognise(token)
    }
}

impl Authenticator for Credentials {
    fn certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<UserInfo>> {
        identity_of_certificate(chain.first()?).ok().map(Arc::new)
    }

    fn token(&self, token: &str) -> Option<Recognised> {
        self.static_user(token)
            .map(Recognised::from)
            .or_else(|| self.service_account(token))
    }

    fn used(&self) -> Option<mpsc::Receiver<UsedToken>> {
        self.accounts.as_ref()?.used()
    }
}
