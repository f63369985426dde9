//! Who asks, and whether they may: the ports through which the pipeline learns both.

use std::sync::Arc;

use k8s_openapi::api::authorization::v1::{NonResourceRule, ResourceRule};
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

/// All that a user may do in a namespace, as far as it can be told.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// With resources.
    pub resource: Vec<ResourceRule>,
    /// With paths.
    pub non_resource: Vec<NonResourceRule>,
    /// Whether the user may do more than this.
    pub incomplete: bool,
    /// What went wrong.
    pub error: Option<String>,
}

/// Gives permission.
pub trait Authorizer: Send + Sync {
    /// Whether the user may.
    fn authorize(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision;
    /// What the user may do in a namespace.
    fn rules(&self, user: &UserInfo, namespace: &str) -> Rules;
}

/// Cluster administrators may do all; everyone may ask for health and version, and who is known may discover.
#[derive(Debug, Default)]
pub struct MastersOnly;

/// What the role `system:discovery` lets those see who are known.
const DISCOVERY: &[&str] = &["/api", "/apis", "/openapi"];
/// What the role `system:public-info-viewer` lets everyone see.
const PUBLIC: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];

impl Authorizer for MastersOnly {
    fn authorize(&self, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
        let path = attributes.path;
        let open =
            !attributes.resource_request && attributes.verb == "get" && PUBLIC.contains(&path);
        let known = || {
            let discovery = DISCOVERY.iter().any(|root| {
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

    fn rules(&self, user: &UserInfo, _namespace: &str) -> Rules {
        let all = || vec!["*".to_owned()];
        if user.in_group(MASTERS) {
            return Rules {
                resource: vec![ResourceRule {
                    verbs: all(),
                    api_groups: Some(all()),
                    resources: Some(all()),
                    resource_names: None,
                }],
                non_resource: vec![NonResourceRule {
                    verbs: all(),
                    non_resource_urls: Some(all()),
                }],
                ..Rules::default()
            };
        }
        let known = DISCOVERY.iter().filter(|_| user.in_group(AUTHENTICATED));
        let known = known.flat_map(|root| [(*root).to_owned(), format!("{root}/*")]);
        let public = PUBLIC.iter().map(|&path| path.to_owned());
        Rules {
            non_resource: vec![NonResourceRule {
                verbs: vec!["get".to_owned()],
                non_resource_urls: Some(known.chain(public).collect()),
            }],
            ..Rules::default()
        }
    }
}
