//! Who asks, and whether they may: the ports through which the pipeline learns both.

use std::sync::Arc;

use navarch_auth::{AUTHENTICATED, MASTERS, UserInfo};
use rustls::pki_types::CertificateDer;

/// Recognises requesters. Answers are shared, so that a request costs no copy of its user.
pub trait Authenticator: Send + Sync {
    /// The user of a client certificate that TLS has verified; `chain[0]` is the leaf. Called once a connection.
    fn certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<UserInfo>>;
    /// The user of a bearer token. Called for every request that carries one.
    fn token(&self, token: &str) -> Option<Arc<UserInfo>>;
}

/// What a request wants to do, in the terms in which permission is given.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// `get`, or the lower-case HTTP method for a path that is no resource's.
    pub verb: &'a str,
    /// Whether it is about a resource.
    pub resource_request: bool,
    /// The group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The plural.
    pub resource: &'a str,
    /// Empty: the object itself.
    pub subresource: &'a str,
    /// Empty: all, or none.
    pub namespace: &'a str,
    /// Empty: all, or not named yet.
    pub name: &'a str,
    /// The path.
    pub path: &'a str,
}

/// What an authorizer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// Nothing speaks for it; the reason is shown where there is one.
    NoOpinion(String),
}

/// Gives permission.
pub trait Authorizer: Send + Sync {
    /// Whether the user may.
    fn authorize(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision;
}

/// Cluster administrators may do all; everyone may ask for health and version, and who is known may discover.
#[derive(Debug, Default)]
pub struct MastersOnly;

/// What the role `system:public-info-viewer` lets everyone see.
const PUBLIC: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];

impl Authorizer for MastersOnly {
    fn authorize(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
        let path = attributes.path;
        let open =
            !attributes.resource_request && attributes.verb == "get" && PUBLIC.contains(&path);
        let known = || {
            let discovery = ["/api", "/apis", "/openapi"].iter().any(|root| {
                path.strip_prefix(root)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            !attributes.resource_request
                && attributes.verb == "get"
                && discovery
                && user.in_group(AUTHENTICATED)
        };
        if user.in_group(MASTERS) || open || known() {
            Decision::Allow
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}
