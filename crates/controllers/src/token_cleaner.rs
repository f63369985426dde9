//! Bootstrap tokens whose time is over: their secrets are deleted.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use navarch_api::bootstrap_token::{self, Expiry};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use crate::{Action, Controller, Plan, Watched};

/// The controller. Its keys are secrets.
pub struct TokenCleaner {
    /// The secrets of bootstrap tokens.
    pub tokens: Informer<Secret>,
}

impl TokenCleaner {
    /// Which secrets the informer needs to hold.
    pub const FIELDS: &'static str = "type=bootstrap.kubernetes.io/token";
}

impl Controller for TokenCleaner {
    const NAME: &'static str = "token-cleaner";
    const ACCOUNT: &'static str = "token-cleaner";
    type View = Snapshot<Secret>;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let queue = queue.clone();
        self.tokens.on_change(move |_, new| {
            if let Some(token) = new {
                queue.add(ObjectKey::of(&token.metadata));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.tokens]
    }

    fn view(&self) -> Snapshot<Secret> {
        self.tokens.snapshot()
    }

    fn plan(&self, now: Timestamp, view: &Snapshot<Secret>, key: &ObjectKey) -> Plan {
        plan(now, view, key)
    }
}

/// Deletes a token that is over, and looks again when it will be.
pub fn plan(now: Timestamp, tokens: &Snapshot<Secret>, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let token = tokens.get(key).filter(|token| {
        token.type_.as_deref() == Some(bootstrap_token::TYPE)
            && token.metadata.namespace.as_deref() == Some(bootstrap_token::NAMESPACE)
            && token.metadata.deletion_timestamp.is_none()
    });
    let Some(token) = token else {
        return plan;
    };
    match Expiry::of(token, now) {
        Expiry::Never => {}
        Expiry::At(end) => {
            plan.wake_at(end);
        }
        Expiry::Over => {
            plan.then(Action::delete(token.as_ref()));
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::json;

    use super::*;

    /// How many calls there are, and when it is looked again.
    fn of(kind: &str, namespace: &str, expiration: &str) -> (usize, Option<Timestamp>) {
        let metadata =
            json!({"name": "bootstrap-token-abcdef", "namespace": namespace, "uid": "u"});
        let secret = json!({"metadata": metadata, "type": kind});
        let mut secret: Secret = serde_json::from_value(secret).unwrap();
        let key = bootstrap_token::EXPIRATION.to_owned();
        secret.data = Some([(key, ByteString(expiration.into()))].into());
        let key = ObjectKey::of(&secret.metadata);
        let plan = plan(Timestamp::UNIX_EPOCH, &Snapshot::of([secret], &[]), &key);
        for action in plan.actions() {
            assert_eq!(action.call.verb.as_str(), "delete");
            assert_eq!(action.call.options.uid.as_deref(), Some("u"));
        }
        (plan.actions().count(), plan.wake)
    }

    #[test]
    fn what_is_over_goes_and_what_is_not_waits_for_its_time() {
        let kind = bootstrap_token::TYPE;
        assert_eq!(of(kind, "kube-system", "1970-01-01T00:00:00Z"), (1, None));
        let later = "1970-01-01T00:00:09Z";
        assert_eq!(of(kind, "kube-system", later), (0, later.parse().ok()));
        assert_eq!(of(kind, "kube-system", ""), (0, None));
        assert_eq!(of(kind, "default", "1970-01-01T00:00:00Z"), (0, None));
        assert_eq!(of("Opaque", "kube-system", "nonsense"), (0, None));
    }
}
