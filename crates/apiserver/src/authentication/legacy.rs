//! Tokens that are kept in secrets, as long as the secret has them, the account is there, and nobody has taken them for out of use.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_auth::LegacyClaims;
use navarch_store::Snapshot;
use serde::de::DeserializeOwned;

use crate::identity::UsedToken;

/// The label that says on which day a token was used last.
pub(crate) const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";
/// The label that says since which day a token that nobody used is none.
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";
/// How many uses may wait to be written down.
pub(super) const WAITING: usize = 256;
/// What who uses one that was made unasked is told.
const AUTO_GENERATED: &str = "Use tokens from the TokenRequest API or manually created secret-based tokens instead of \
                              auto-generated secret-based tokens.";

/// A token in its place.
pub(super) struct Legacy {
    secret: Secret,
    account: ServiceAccount,
}

impl Legacy {
    /// `None`: the secret or the account is gone, or is another's by now.
    pub(super) fn find(
        snapshot: &dyn Snapshot,
        claims: &LegacyClaims,
        token: &str,
    ) -> Option<Self> {
        let namespace = claims.namespace();
        let secret = format!("secrets/{namespace}/{}", claims.secret());
        let account = format!("serviceaccounts/{namespace}/{}", claims.account());
        let secret: Secret = read(snapshot, &secret)?;
        let account: ServiceAccount = read(snapshot, &account)?;
        let stays = |metadata: &ObjectMeta| metadata.deletion_timestamp.is_none();
        let has = secret.data.as_ref().and_then(|data| data.get("token"));
        let is_in_place = stays(&secret.metadata)
            && stays(&account.metadata)
            && has.is_some_and(|kept| kept.0 == token.as_bytes())
            && account.metadata.uid.as_deref() == Some(claims.uid());
        is_in_place.then_some(Self { secret, account })
    }

    /// What who uses it is to be warned of. `None`: it counts no more.
    pub(super) fn holds(&self) -> Option<Option<&'static str>> {
        if self.label(INVALID_SINCE).is_some_and(|day| !day.is_empty()) {
            return None;
        }
        let name = &self.secret.metadata.name;
        let mut listed = self.account.secrets.iter().flatten();
        let is_auto_generated = listed.any(|secret| secret.name == *name);
        Some(is_auto_generated.then_some(AUTO_GENERATED))
    }

    /// The use that is to be written down at a time, unless it is.
    pub(super) fn used(&self, now: Timestamp) -> Option<UsedToken> {
        // Servers' clocks differ: one may be in tomorrow already.
        let [today, tomorrow] = [0, 24].map(|hours| day(now, hours));
        let told = self.label(LAST_USED);
        if told == Some(&today) || told == Some(&tomorrow) {
            return None;
        }
        let metadata = &self.secret.metadata;
        Some(UsedToken {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            secret: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            day: today,
        })
    }

    fn label(&self, name: &str) -> Option<&str> {
        let labels = self.secret.metadata.labels.as_ref()?;
        labels.get(name).map(String::as_str)
    }
}

/// The day that it is so many hours after a time, in UTC.
fn day(now: Timestamp, hours: i32) -> String {
    let then = now.checked_add(hours.hours()).unwrap_or(now);
    then.to_zoned(TimeZone::UTC).date().to_string()
}

fn read<T: DeserializeOwned>(snapshot: &dyn Snapshot, key: &str) -> Option<T> {
    serde_json::from_slice(&snapshot.get(key)?.value).ok()
}
