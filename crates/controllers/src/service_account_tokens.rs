//! The tokens that are kept in secrets: put into those that are made for an account, and gone with the account. Kubernetes'
//! `serviceaccount-token-controller`.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use navarch_client::{Index, Informer, ObjectKey, Queue, Snapshot};

use crate::{Action, Controller, Plan, Watched};

/// Which secrets the informer needs to hold.
pub const SECRET_FIELDS: &str = "type=kubernetes.io/service-account-token";
pub(crate) const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
pub(crate) const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
const CA: &str = "ca.crt";
const NAMESPACE: &str = "namespace";
const TOKEN: &str = "token";

/// Signs a token for an account that is to be kept in a secret. `None`: it cannot be signed.
pub type IssueToken = Arc<dyn Fn(&ServiceAccount, &Secret) -> Option<String> + Send + Sync>;

/// Secrets by the namespace and name of their account.
pub fn secrets_by_account() -> Index<Secret> {
    Index {
        name: "account",
        values: |secret| {
            let name = annotation(secret, ACCOUNT_NAME);
            let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
            Vec::from([format!("{namespace}/{name}")])
        },
    }
}

/// Accounts by the namespace and name of each secret that they list.
pub fn accounts_by_secret() -> Index<ServiceAccount> {
    Index {
        name: "secret",
        values: |account| {
            let namespace = account.metadata.namespace.as_deref().unwrap_or_default();
            let secrets = account.secrets.iter().flatten();
            let names = secrets.filter_map(|secret| secret.name.as_deref());
            names.map(|name| format!("{namespace}/{name}")).collect()
        },
    }
}

/// What a secret's annotation says of its account; empty: nothing.
pub(crate) fn annotation<'a>(secret: &'a Secret, name: &str) -> &'a str {
    let annotations = secret.metadata.annotations.as_ref();
    let value = annotations.and_then(|all| all.get(name));
    value.map(String::as_str).unwrap_or_default()
}

/// The controller. Its keys are secrets.
pub struct ServiceAccountTokens {
    /// Secrets with tokens, by account.
    pub secrets: Informer<Secret>,
    /// Service accounts, by secret.
    pub accounts: Informer<ServiceAccount>,
    /// The authority's certificate in PEM.
    pub root_ca: String,
    /// What signs.
    pub issue: IssueToken,
}

/// What a plan looks at.
pub struct View {
    /// Secrets with tokens, by account.
    pub secrets: Snapshot<Secret>,
    /// Service accounts, by secret.
    pub accounts: Snapshot<ServiceAccount>,
}

impl Controller for ServiceAccountTokens {
    const NAME: &'static str = "serviceaccount-token-controller";
    const ACCOUNT: &'static str = "";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.secrets.on_change(move |old, new| {
            if let Some(secret) = new.or(old) {
                q.add(ObjectKey::of(&secret.metadata));
            }
        });
        let (q, secrets) = (queue.clone(), self.secrets.clone());
        self.accounts.on_change(move |old, new| {
            let Some(account) = new.or(old) else { return };
            let key = ObjectKey::of(&account.metadata);
            let snapshot = secrets.snapshot();
            let own = format!("{}/{}", key.namespace, key.name);
            for secret in snapshot.by_index(secrets_by_account(), &own) {
                q.add(ObjectKey::of(&secret.metadata));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.secrets, &self.accounts]
    }

    fn view(&self) -> View {
        View {
            secrets: self.secrets.snapshot(),
            accounts: self.accounts.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key, &self.root_ca, &self.issue)
    }
}

/// Fills in a secret, deletes one whose account is gone, and takes one that is gone from the accounts that list it.
pub fn plan(view: &View, key: &ObjectKey, root_ca: &str, issue: &IssueToken) -> Plan {
    let mut plan = Plan::nothing();
    let Some(secret) = view.secrets.get(key) else {
        let gone = format!("{}/{}", key.namespace, key.name);
        for account in view.accounts.by_index(accounts_by_secret(), &gone) {
            plan.then(Action::update(without(account, &key.name)));
        }
        return plan;
    };
    let (name, uid) = (
        annotation(secret, ACCOUNT_NAME),
        annotation(secret, ACCOUNT_UID),
    );
    if name.is_empty() || secret.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    match account_of(&view.accounts, secret) {
        Some(account) => {
            if let Some(filled) = filled(secret, account, root_ca, issue) {
                plan.then(Action::update(filled));
            }
        }
        None => {
            // The snapshot may not have seen it yet.
            let namespace = &key.namespace;
            let gone = Action::confirm_gone::<ServiceAccount>(namespace, name, uid);
            plan.then(gone).then(Action::delete(&**secret));
        }
    }
    plan
}

/// The account that a secret is for.
pub(crate) fn account_of<'a>(
    accounts: &'a Snapshot<ServiceAccount>,
    secret: &Secret,
) -> Option<&'a Arc<ServiceAccount>> {
    let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
    let (name, uid) = (
        annotation(secret, ACCOUNT_NAME),
        annotation(secret, ACCOUNT_UID),
    );
    let account = accounts.get(&ObjectKey::new(namespace, name))?;
    let is_it = uid.is_empty() || account.metadata.uid.as_deref() == Some(uid);
    is_it.then_some(account)
}

fn without(account: &ServiceAccount, secret: &str) -> ServiceAccount {
    let mut account = account.clone();
    let secrets = account.secrets.get_or_insert_default();
    secrets.retain(|it| it.name.as_deref() != Some(secret));
    account
}

/// The secret with what it lacks; `None`: nothing.
fn filled(
    secret: &Secret,
    account: &ServiceAccount,
    root_ca: &str,
    issue: &IssueToken,
) -> Option<Secret> {
    let has = |key: &str| {
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        value.map(|value| &*value.0).unwrap_or_default()
    };
    let mut missing = Vec::new();
    if !root_ca.is_empty() && has(CA) != root_ca.as_bytes() {
        missing.push((CA, root_ca.to_owned()));
    }
    if has(NAMESPACE).is_empty() {
        missing.push((NAMESPACE, secret.metadata.namespace.clone()?));
    }
    if has(TOKEN).is_empty() {
        missing.push((TOKEN, issue(account, secret)?));
    }
    if missing.is_empty() {
        return None;
    }
    let mut filled = secret.clone();
    let data = filled.data.get_or_insert_default();
    for (key, value) in missing {
        data.insert(key.to_owned(), ByteString(value.into_bytes()));
    }
    let annotations = filled.metadata.annotations.get_or_insert_default();
    let said = [
        (ACCOUNT_NAME, &account.metadata.name),
        (ACCOUNT_UID, &account.metadata.uid),
    ];
    for (key, value) in said {
        annotations.insert(key.to_owned(), value.clone().unwrap_or_default());
    }
    Some(filled)
}

#[cfg(test)]
mod tests;
