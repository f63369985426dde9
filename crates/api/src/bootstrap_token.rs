//! How a bootstrap token is kept: a Secret of its own in `kube-system`, found by the token's id.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

/// Where the secrets of tokens are.
pub const NAMESPACE: &str = "kube-system";
/// The type of their secrets.
pub const TYPE: &str = "bootstrap.kubernetes.io/token";
/// What the names of their secrets begin with; the id follows.
pub const NAME_PREFIX: &str = "bootstrap-token-";
/// The key of the id, which is public.
pub const ID: &str = "token-id";
/// The key of the part that is not.
pub const SECRET: &str = "token-secret";
/// The key of the time from which on the token is none (RFC 3339).
pub const EXPIRATION: &str = "expiration";
/// The key of what people are told of it.
pub const DESCRIPTION: &str = "description";
/// The key of the groups it is in beside `system:bootstrappers`, with commas between them.
pub const EXTRA_GROUPS: &str = "auth-extra-groups";
/// The key that says `true` where the token authenticates.
pub const USAGE_AUTHENTICATION: &str = "usage-bootstrap-authentication";

/// How long a token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Until somebody deletes it.
    Never,
    /// Until then.
    At(Timestamp),
    /// No longer. So is a token whose time cannot be read.
    Over,
}

impl Expiry {
    /// Of the token that a secret keeps.
    pub fn of(secret: &Secret, now: Timestamp) -> Self {
        let data = secret.data.as_ref();
        let time = data.and_then(|data| data.get(EXPIRATION));
        match time.map(|time| std::str::from_utf8(&time.0)) {
            None | Some(Ok("")) => Self::Never,
            Some(Ok(time)) => match time.parse::<Timestamp>() {
                Ok(end) if end > now => Self::At(end),
                _ => Self::Over,
            },
            Some(Err(_)) => Self::Over,
        }
    }
}

/// What a secret says under a key; empty where it says nothing, or no text.
pub fn text<'a>(secret: &'a Secret, key: &str) -> &'a str {
    let data = secret.data.as_ref();
    let value = data.and_then(|data| data.get(key));
    value
        .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn a_time_that_cannot_be_read_is_over() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let of_bytes = |time: &[u8]| {
            let data = [(EXPIRATION.to_owned(), ByteString(time.to_vec()))];
            let secret = Secret {
                data: Some(data.into()),
                ..Secret::default()
            };
            Expiry::of(&secret, now)
        };
        let of = |time: &str| of_bytes(time.as_bytes());
        let later = "2026-01-01T00:00:01Z".parse().unwrap();
        assert_eq!(of("2026-01-01T00:00:01Z"), Expiry::At(later));
        assert_eq!(of("2026-01-01T02:00:01+02:00"), Expiry::At(later));
        assert_eq!(of("2026-01-01T00:00:00Z"), Expiry::Over);
        assert_eq!(of("tomorrow"), Expiry::Over);
        assert_eq!(of_bytes(b"2099-01-01T00:00:00Z\xff"), Expiry::Over);
        assert_eq!(of(""), Expiry::Never);
        assert_eq!(Expiry::of(&Secret::default(), now), Expiry::Never);
    }
}
