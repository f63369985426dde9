//! Who asks.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use navarch_auth::UserInfo;
use navarch_machinery::status::{Result, StatusError};

use crate::ApiServer;
use crate::identity::Recognised;

/// What is known of a connection before its first request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    /// The user of the client certificate.
    pub(crate) certificate: Option<Arc<UserInfo>>,
    /// When that certificate ends, in seconds since the epoch: a connection may outlive it.
    pub(crate) expires: Option<i64>,
}

impl Connection {
    /// The user of the certificate at a time; `None`: there is no certificate.
    fn user(&self, now: i64) -> Option<Result<Arc<UserInfo>>> {
        let user = self.certificate.as_ref()?;
        Some(if self.expires.is_some_and(|end| now > end) {
            Err(StatusError::unauthorized())
        } else {
            Ok(user.clone())
        })
    }
}

impl ApiServer {
    /// The user of a request: of the certificate, or of the bearer token, or nobody. A token that is none is refused.
    pub(crate) fn authenticate(
        &self,
        connection: &Connection,
        headers: &HeaderMap,
    ) -> Result<Recognised> {
        if let Some(user) = connection.user(jiff::Timestamp::now().as_second()) {
            return user.map(Recognised::from);
        }
        let anonymous = || Arc::new(UserInfo::anonymous()).into();
        let Some(header) = headers.get(AUTHORIZATION) else {
            return Ok(anonymous());
        };
        match bearer(header) {
            Some(token) if !token.is_empty() => self
                .authenticator
                .token(token, &[])
                .ok_or_else(StatusError::unauthorized),
            _ => Ok(anonymous()),
        }
    }
}

/// The bearer token: the second word, whatever follows. It is empty where there are two spaces before it.
fn bearer(header: &HeaderValue) -> Option<&str> {
    let mut words = header.to_str().ok()?.trim().splitn(3, ' ');
    let scheme = words.next()?;
    words
        .next()
        .filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}

/// What the client is warned of whose token is passed over.
pub(crate) fn passed_over(connection: &Connection, headers: &HeaderMap) -> Option<&'static str> {
    let header = headers
        .get(AUTHORIZATION)
        .filter(|_| connection.certificate.is_none())?;
    (bearer(header) == Some("")).then_some(
        "the provided Authorization header contains extra space before the bearer token, and is ignored",
    )
}

#[cfg(test)]
mod tests;
