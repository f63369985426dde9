//! What a token says: for whom it is, for which audience, and until when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, UserInfo};

/// An object that a token dies with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundObject {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What Kubernetes claims beside the registered claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Private {
    namespace: String,
    serviceaccount: BoundObject,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pod: Option<BoundObject>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    node: Option<BoundObject>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    secret: Option<BoundObject>,
}

/// What a token says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    iss: String,
    jti: String,
    #[serde(rename = "kubernetes.io")]
    private: Private,
    nbf: i64,
    sub: String,
}

impl Claims {
    /// What is to be said to a request.
    pub(super) fn of(request: TokenRequest, issuer: &str) -> Self {
        let account = &request.service_account.name;
        Self {
            sub: format!("system:serviceaccount:{}:{account}", request.namespace),
            aud: request.audiences,
            exp: request.now.saturating_add(request.seconds),
            iat: request.now,
            iss: issuer.to_owned(),
            jti: request.id,
            private: Private {
                namespace: request.namespace,
                serviceaccount: request.service_account,
                pod: request.pod,
                node: request.node,
                secret: request.secret,
            },
            nbf: request.now,
        }
    }

    /// Whether it holds now, for one of these audiences; without any it is for the caller to look whom it is meant for.
    pub(super) fn check(&self, audiences: &[&str], now: i64) -> Result<()> {
        if now >= self.exp {
            return Err(Error::Token("service account token has expired"));
        }
        if now < self.nbf {
            return Err(Error::Token("it is not valid yet"));
        }
        let mut meant = self.aud.iter().map(String::as_str);
        match audiences.is_empty() || meant.any(|audience| audiences.contains(&audience)) {
            true => Ok(()),
            false => Err(Error::Token("it is meant for another audience")),
        }
    }

    /// The service account's namespace.
    pub fn namespace(&self) -> &str {
        &self.private.namespace
    }

    /// The service account.
    pub fn service_account(&self) -> &BoundObject {
        &self.private.serviceaccount
    }

    /// The pod that the token is bound to.
    pub fn pod(&self) -> Option<&BoundObject> {
        self.private.pod.as_ref()
    }

    /// The node that the token is bound to, or on which its pod was when it was issued.
    pub fn node(&self) -> Option<&BoundObject> {
        self.private.node.as_ref()
    }

    /// The secret that the token is bound to.
    pub fn secret(&self) -> Option<&BoundObject> {
        self.private.secret.as_ref()
    }

    /// The audiences it is meant for.
    pub fn audiences(&self) -> &[String] {
        &self.aud
    }

    /// Until when it holds, in seconds since the epoch.
    pub fn expires(&self) -> i64 {
        self.exp
    }

    /// Whom it stands for.
    pub fn user(&self) -> UserInfo {
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{}", self.private.namespace),
        ];
        let mut extra = BTreeMap::new();
        let mut note = |key: &str, value: &str| {
            extra.insert(
                format!("authentication.kubernetes.io/{key}"),
                vec![value.to_owned()],
            );
        };
        note("credential-id", &format!("JTI={}", self.jti));
        if let Some(pod) = &self.private.pod {
            note("pod-name", &pod.name);
            note("pod-uid", &pod.uid);
        }
        if let Some(node) = &self.private.node {
            note("node-name", &node.name);
            note("node-uid", &node.uid);
        }
        let mut user = UserInfo::authenticated(self.sub.as_str(), groups);
        user.uid.clone_from(&self.private.serviceaccount.uid);
        user.extra = extra;
        user
    }
}

/// What a token is asked for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// The service account's namespace.
    pub namespace: String,
    /// The service account.
    pub service_account: BoundObject,
    /// Whom it is for.
    pub audiences: Vec<String>,
    /// The pod it is bound to.
    pub pod: Option<BoundObject>,
    /// The node of that pod.
    pub node: Option<BoundObject>,
    /// The secret it is bound to.
    pub secret: Option<BoundObject>,
    /// When it is issued: seconds since the epoch.
    pub now: i64,
    /// How long it holds: seconds.
    pub seconds: i64,
    /// A unique name of the token.
    pub id: String,
}
