//! The keys of a cluster's tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claims::{Claims, TokenRequest};
use super::legacy::{self, LegacyClaims};
use super::public_key::PublicKey;
use super::signing_key::SigningKey;
use crate::{Error, Result};

/// The longest token that is looked at.
const TOKEN_BYTES: usize = 16 << 10;

/// One key that signs tokens, and those that they are believed by.
pub struct TokenKeys {
    signer: SigningKey,
    /// The signer's is the first.
    believed: Vec<PublicKey>,
    issuer: String,
    longest: Option<i64>,
}

/// A token that has been believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// One that was asked for, for a while.
    Bound(Claims),
    /// One that is kept in a secret. Whether it is still in there is for others to look.
    Legacy(LegacyClaims),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

impl TokenKeys {
    /// `more`: keys that tokens are believed by beside the signer's own: those of before, and those that are to come.
    pub fn new(signer: SigningKey, more: Vec<PublicKey>, issuer: &str) -> Self {
        let mut believed = vec![signer.public().clone()];
        for key in more {
            if !believed.contains(&key) {
                believed.push(key);
            }
        }
        Self {
            signer,
            believed,
            issuer: issuer.to_owned(),
            longest: None,
        }
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

    /// The keys that tokens are believed by, as JSON web keys.
    pub fn web_keys(&self) -> Vec<Value> {
        self.believed.iter().map(PublicKey::web_key).collect()
    }

    /// How they sign, each way once and in order.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let kinds = self.believed.iter().map(|key| key.kind().algorithm());
        let mut algorithms: Vec<_> = kinds.collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        algorithms
    }

    /// Signs a token.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn issue(&self, request: TokenRequest) -> Result<String> {
        self.signed(&Claims::of(request, &self.issuer))
    }

    /// Signs a token that is to be kept in a secret.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn issue_legacy(&self, claims: &LegacyClaims) -> Result<String> {
        self.signed(claims)
    }

    fn signed(&self, claims: &impl Serialize) -> Result<String> {
        let public = self.signer.public();
        let header = serde_json::json!({"alg": public.kind().algorithm(), "kid": public.id()});
        let payload =
            serde_json::to_vec(claims).map_err(|_| Error::Token("the claims cannot be written"))?;
        let signed = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(payload)
        );
        let signature = self.signer.sign(&signed)?;
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }

    /// Believes a token or says why not. `audiences`: one of these must be among the token's; without any it is
    /// for the caller to look. `now`: seconds since the epoch.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, token: &str, audiences: &[&str], now: i64) -> Result<Token> {
        let payload = self.payload(token)?;
        let unreadable = |_| Error::Token("it cannot be read");
        let issuer: Issuer = serde_json::from_slice(&payload).map_err(unreadable)?;
        if issuer.iss == self.issuer {
            let claims: Claims = serde_json::from_slice(&payload).map_err(unreadable)?;
            claims.check(audiences, now)?;
            return Ok(Token::Bound(claims));
        }
        if issuer.iss == legacy::ISSUER {
            let claims: LegacyClaims = serde_json::from_slice(&payload).map_err(unreadable)?;
            claims.check()?;
            return Ok(Token::Legacy(claims));
        }
        Err(Error::Token("another issuer signed it"))
    }

    /// What has been signed, if one of the keys has signed it.
    fn payload(&self, token: &str) -> Result<Vec<u8>> {
        let foreign = || Error::Token("it is not one of this cluster's");
        if token.len() > TOKEN_BYTES {
            return Err(foreign());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(foreign)?;
        let (header, payload) = signed.split_once('.').ok_or_else(foreign)?;
        let header = BASE64.decode(header).map_err(|_| foreign())?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| foreign())?;
        let signature = BASE64.decode(signature).map_err(|_| foreign())?;
        // A token that names no key may be of any.
        let fits = |key: &&PublicKey| {
            (header.kid.is_empty() || header.kid == key.id())
                && header.alg == key.kind().algorithm()
        };
        let mut candidates = self.believed.iter().filter(fits).peekable();
        candidates.peek().ok_or_else(foreign)?;
        if !candidates.any(|key| key.has_signed(signed, &signature)) {
            return Err(Error::Token("the signature is wrong"));
        }
        BASE64
            .decode(payload)
            .map_err(|_| Error::Token("it cannot be read"))
    }
}
