//! Tokens of before: they are kept in a secret, have neither an end nor an audience, and die with the secret or the account.

use serde::{Deserialize, Serialize};

use super::BoundObject;
use crate::{Error, Result, UserInfo};

/// Who has issued them.
pub(super) const ISSUER: &str = "kubernetes/serviceaccount";

/// What such a token says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyClaims {
    iss: String,
    #[serde(rename = "kubernetes.io/serviceaccount/namespace")]
    namespace: String,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    secret: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.name")]
    account: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    uid: String,
    sub: String,
}

impl LegacyClaims {
    /// For the account, kept in the secret of that name.
    pub fn new(namespace: &str, account: &BoundObject, secret: &str) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            namespace: namespace.to_owned(),
            secret: secret.to_owned(),
            account: account.name.clone(),
            uid: account.uid.clone(),
            sub: subject(namespace, &account.name),
        }
    }

    /// The service account's namespace, which is the secret's.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The secret that it is kept in.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The service account's name.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The service account's uid.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whom it stands for.
    pub fn user(&self) -> UserInfo {
        UserInfo {
            uid: self.uid.clone(),
            ..UserInfo::service_account(&self.namespace, &self.account)
        }
    }

    /// Refuses one that does not say all, or not the same everywhere.
    pub(super) fn check(&self) -> Result<()> {
        for (claim, words) in [
            (&self.sub, "sub claim is missing"),
            (&self.namespace, "namespace claim is missing"),
            (&self.secret, "secretName claim is missing"),
            (&self.account, "serviceAccountName claim is missing"),
            (&self.uid, "serviceAccountUID claim is missing"),
        ] {
            if claim.is_empty() {
                return Err(Error::Token(words));
            }
        }
        match self.sub == subject(&self.namespace, &self.account) {
            true => Ok(()),
            false => Err(Error::Token("sub claim is invalid")),
        }
    }
}

fn subject(namespace: &str, account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{account}")
}
