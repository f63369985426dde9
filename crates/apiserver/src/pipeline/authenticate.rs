//! Who asks.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use navarch_auth::UserInfo;
use navarch_machinery::status::{Result, StatusError};

use crate::ApiServer;

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
    ) -> Result<Arc<UserInfo>> {
        if let Some(user) = connection.user(jiff::Timestamp::now().as_second()) {
            return user;
        }
        let Some(header) = headers.get(AUTHORIZATION) else {
            return Ok(Arc::new(UserInfo::anonymous()));
        };
        let token = header.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token {
            Some(token) if !token.is_empty() => self
                .authenticator
                .token(token)
                .ok_or_else(StatusError::unauthorized),
            _ => Ok(Arc::new(UserInfo::anonymous())),
        }
    }
}

#[cfg(test)]
mod tests;
