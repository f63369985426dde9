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
}

impl ApiServer {
    /// The user of a request: of the certificate, or of the bearer token, or nobody. A token that is none is refused.
    pub(crate) fn authenticate(
        &self,
        connection: &Connection,
        headers: &HeaderMap,
    ) -> Result<Arc<UserInfo>> {
        if let Some(user) = &connection.certificate {
            return Ok(user.clone());
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
