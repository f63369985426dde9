//! Service account tokens: signed claims that say for whom, for which audience, and until when (JWT, ES256).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, UserInfo};

/// The longest token that is looked at.
const TOKEN_BYTES: usize = 16 << 10;

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

/// The key that signs and verifies service account tokens.
pub struct TokenKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    issuer: String,
    key_id: String,
    longest: Option<i64>,
}

impl TokenKey {
    /// From a private key in PKCS #8 and the issuer's name.
    pub fn load(pkcs8_der: &[u8], issuer: &str) -> Result<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8_der, &random)
            .map_err(|error| Error::Certificate(format!("service account key: {error}")))?;
        let digest = ring::digest::digest(&ring::digest::SHA256, pair.public_key().as_ref());
        let key_id = BASE64.encode(digest.as_ref());
        Ok(Self {
            pair,
            random,
            issuer: issuer.to_owned(),
            key_id,
            longest: None,
        })
    }

    /// The same, whose tokens hold for so many seconds at most. Kubernetes' `--service-account-max-token-expiration`.
    #[must_use]
    pub fn with_longest(mut self, seconds: i64) -> Self {
        self.longest = Some(seconds);
        self
    }

    /// For how many seconds a token holds at most; `None`: as long as is asked for.
    pub fn longest(&self) -> Option<i64> {
        self.longest
    }

    /// The issuer's name, which is also the default audience.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public part as a JSON web key (RFC 7517), by which others check tokens.
    pub fn web_key(&self) -> serde_json::Value {
        // An uncompressed point: a byte that says so, and the coordinates.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
        serde_json::json!({
            "use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256",
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        })
    }

    /// Signs a token.
    pub fn issue(&self, request: TokenRequest) -> Result<String> {
        let sub = format!(
            "system:serviceaccount:{}:{}",
            request.namespace, request.service_account.name
        );
        let claims = Claims {
            aud: request.audiences,
            exp: request.now.saturating_add(request.seconds),
            iat: request.now,
            iss: self.issuer.clone(),
            jti: request.id,
            private: Private {
                namespace: request.namespace,
                serviceaccount: request.service_account,
                pod: request.pod,
                node: request.node,
                secret: request.secret,
            },
            nbf: request.now,
            sub,
        };
        let header = serde_json::json!({"alg": "ES256", "kid": self.key_id});
        let payload = serde_json::to_vec(&claims)
            .map_err(|_| Error::Token("the claims cannot be written"))?;
        let signed = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(payload)
        );
        let signature = self
            .pair
            .sign(&self.random, signed.as_bytes())
            .map_err(|_| Error::Token("signing failed"))?;
        Ok(format!("{signed}.{}", BASE64.encode(signature.as_ref())))
    }

    /// Whether a token looks as if this key had signed it: worth a try, and an error if it then does not hold.
    pub fn is_ours(&self, token: &str) -> bool {
        self.parts(token).is_some()
    }

    /// Believes a token or says why not. `audiences`: one of these must be among the token's. `now`: seconds since the epoch.
    pub fn verify(&self, token: &str, audiences: &[&str], now: i64) -> Result<Claims> {
        let (signed, signature) = self
            .parts(token)
            .ok_or(Error::Token("it is not one of this cluster's"))?;
        let public =
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        public
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| Error::Token("the signature is wrong"))?;
        let payload = signed.split_once('.').map_or("", |(_, payload)| payload);
        let payload = BASE64
            .decode(payload)
            .map_err(|_| Error::Token("it cannot be read"))?;
        let claims: Claims =
            serde_json::from_slice(&payload).map_err(|_| Error::Token("it cannot be read"))?;
        if claims.iss != self.issuer {
            return Err(Error::Token("another issuer signed it"));
        }
        if now >= claims.exp {
            return Err(Error::Token("service account token has expired"));
        }
        if now < claims.nbf {
            return Err(Error::Token("it is not valid yet"));
        }
        if !claims
            .aud
            .iter()
            .any(|audience| audiences.contains(&audience.as_str()))
        {
            return Err(Error::Token("it is meant for another audience"));
        }
        Ok(claims)
    }

    /// The signed text and the signature, if the header names this key.
    fn parts<'a>(&self, token: &'a str) -> Option<(&'a str, Vec<u8>)> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: String,
        }
        if token.len() > TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, _) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
        let ours = header.alg == "ES256" && header.kid == self.key_id;
        if ours {
            Some((signed, BASE64.decode(signature).ok()?))
        } else {
            None
        }
    }
}
