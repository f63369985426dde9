//! The tokens of service accounts: believed by their signature once, and by what they die with every time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use navarch_auth::{BoundObject, Claims, LegacyClaims, Token, TokenKeys, UserInfo};
use navarch_store::Store;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::legacy::{self, Legacy};
use crate::encode::scan;
use crate::identity::{Recognised, UsedToken};

/// Verified tokens that are remembered: verifying costs as much as everything else of a request.
const REMEMBERED: usize = 4096;

/// How many seconds a token still holds when an object that it dies with should be gone, as in Kubernetes.
const LEAVING: i64 = 60;

/// What recognises service accounts.
pub(super) struct ServiceAccounts {
    store: Arc<dyn Store>,
    keys: Arc<TokenKeys>,
    verified: Mutex<HashMap<Box<str>, Verified>>,
    used: mpsc::Sender<UsedToken>,
    /// Until somebody asks for it.
    heard: Mutex<Option<mpsc::Receiver<UsedToken>>>,
}

/// A token whose signature is right.
#[derive(Clone)]
enum Verified {
    Bound {
        user: Arc<UserInfo>,
        expires: i64,
        audiences: Arc<[String]>,
        /// The keys of the objects that the token dies with, and their uids.
        alive: Arc<[(String, String)]>,
    },
    Legacy(Arc<(LegacyClaims, Arc<UserInfo>)>),
}

impl ServiceAccounts {
    pub(super) fn new(store: Arc<dyn Store>, keys: Arc<TokenKeys>) -> Self {
        let (used, heard) = mpsc::channel(legacy::WAITING);
        Self {
            store,
            keys,
            verified: Mutex::default(),
            used,
            heard: Mutex::new(Some(heard)),
        }
    }

    pub(super) fn used(&self) -> Option<mpsc::Receiver<UsedToken>> {
        self.heard.lock().take()
    }

    /// `audiences`: one of them must be meant; without any it is this server.
    pub(super) fn recognise(&self, token: &str, audiences: &[String]) -> Option<Recognised> {
        let now = Timestamp::now();
        let own = [self.keys.issuer().to_owned()];
        let asked = if audiences.is_empty() {
            &own
        } else {
            audiences
        };
        let meant = |of_token: &[String]| -> Option<Vec<String>> {
            let meant = of_token.iter().filter(|it| asked.contains(it));
            Some(meant.cloned().collect()).filter(|meant: &Vec<String>| !meant.is_empty())
        };
        match self.verified(token, now)? {
            Verified::Bound {
                user,
                expires,
                audiences,
                alive,
            } => {
                let audiences = meant(&audiences)?;
                let lives = |(key, uid): &(String, String)| self.lives(key, uid, now);
                let holds = expires > now.as_second() && alive.iter().all(lives);
                holds.then(|| Recognised {
                    audiences: Some(audiences),
                    ..Recognised::from(user)
                })
            }
            Verified::Legacy(kept) => {
                let (claims, user) = &*kept;
                let snapshot = self.store.snapshot();
                let found = Legacy::find(&*snapshot, claims, token)?;
                if let Some(used) = found.used(now) {
                    // Where nobody has time for it now, the next use says it again.
                    let _ = self.used.try_send(used);
                }
                let warning = found.holds()?;
                Some(Recognised {
                    user: user.clone(),
                    warning,
                    // They name nobody, and so mean this server.
                    audiences: Some(meant(&own)?),
                })
            }
        }
    }

    fn verified(&self, token: &str, now: Timestamp) -> Option<Verified> {
        if let Some(known) = self.verified.lock().get(token) {
            return Some(known.clone());
        }
        // For whom it is meant is looked at at each use: it may be asked about by others.
        let verified = self.keys.verify(token, &[], now.as_second());
        let verified = match verified.ok()? {
            Token::Bound(claims) => bound(&claims),
            Token::Legacy(claims) => {
                let user = Arc::new(claims.user());
                Verified::Legacy(Arc::new((claims, user)))
            }
        };
        let mut kept = self.verified.lock();
        if kept.len() >= REMEMBERED {
            kept.clear();
        }
        kept.insert(token.into(), verified.clone());
        Some(verified)
    }

    /// Whether an object is there, is the one that was meant, and is not about to go for longer than a minute.
    fn lives(&self, key: &str, uid: &str, now: Timestamp) -> bool {
        let Some(entry) = self.store.snapshot().get(key) else {
            return false;
        };
        let text = |name| {
            let range = scan::in_metadata(&entry.value, name)?;
            scan::text(&entry.value, range)
        };
        let goes = text("deletionTimestamp").and_then(|at| at.parse::<Timestamp>().ok());
        let is_going = goes.is_some_and(|at| at.as_second() < now.as_second() - LEAVING);
        text("uid") == Some(uid) && !is_going
    }
}

fn bound(claims: &Claims) -> Verified {
    let namespace = claims.namespace();
    let of = |bucket: &str, object: &BoundObject| {
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
    Verified::Bound {
        user: Arc::new(claims.user()),
        expires: claims.expires(),
        audiences: claims.audiences().into(),
        alive: alive.into(),
    }
}
