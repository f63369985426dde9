//! Who a client certificate speaks for: its common name is the user, its organizations are the groups.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{Error, Result, UserInfo};

/// The identity in a certificate whose chain was verified already.
pub fn identity_of_certificate(certificate: &CertificateDer<'_>) -> Result<UserInfo> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| Error::Certificate(error.to_string()))?;
    let name = parsed
        .subject()
        .iter_common_name()
        // Of several the last counts, as in Go: who may ask for a certificate was decided by that.
        .last()
        .and_then(|name| name.as_str().ok())
        .unwrap_or_default();
    if name.is_empty() {
        return Err(Error::Certificate(
            "the client certificate names nobody: its common name is empty".into(),
        ));
    }
    let groups = parsed
        .subject()
        .iter_organization()
        .filter_map(|group| group.as_str().ok())
        .map(str::to_owned);
    Ok(UserInfo::authenticated(name, groups))
}

/// When a certificate ends, in seconds since the epoch; `None`: it cannot be read.
pub fn certificate_expires(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}
