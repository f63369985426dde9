//! Who somebody is.

use k8s_openapi::api::authentication::v1::{
    SelfSubjectReview, SelfSubjectReviewStatus, TokenReview, TokenReviewStatus, UserInfo,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;

use super::{Request, as_type};
use crate::ApiServer;

fn shown(user: &navarch_auth::UserInfo) -> UserInfo {
    UserInfo {
        username: Some(user.name.clone()),
        uid: Some(user.uid.clone()),
        groups: Some(user.groups.clone()),
        extra: Some(user.extra.clone()),
    }
}

/// Says who asks.
pub(super) fn oneself(_: &ApiServer, request: &Request<'_>, object: &mut dyn Object) -> Result<()> {
    *as_type(object)? = SelfSubjectReview {
        metadata: ObjectMeta {
            creation_timestamp: Some(seconds(request.now)),
            ..Default::default()
        },
        status: Some(SelfSubjectReviewStatus {
            user_info: Some(shown(request.user)),
        }),
    };
    Ok(())
}

/// Says whose a token is.
pub(super) fn token(server: &ApiServer, _: &Request<'_>, object: &mut dyn Object) -> Result<()> {
    let review: &mut TokenReview = as_type(object)?;
    if review.spec.token.is_empty() {
        let message = "token is required for TokenReview in authentication";
        return Err(StatusError::bad_request(message));
    }
    let own: Vec<String> = server
        .token_keys
        .iter()
        .map(|keys| keys.issuer().to_owned())
        .collect();
    let asked = review.spec.audiences.clone().unwrap_or_default();
    let asked = if asked.is_empty() { own.clone() } else { asked };
    let recognised = server.authenticator.token(&review.spec.token, &asked);
    let recognised = recognised.and_then(|recognised| {
        // What says nothing of for whom it is, is for this server.
        let of_server = || {
            own.iter()
                .filter(|own| asked.contains(own))
                .cloned()
                .collect()
        };
        let audiences: Vec<String> = recognised.audiences.unwrap_or_else(of_server);
        let is_meant = asked.is_empty() || !audiences.is_empty();
        is_meant.then_some((recognised.user, audiences))
    });
    review.status = Some(match recognised {
        None => TokenReviewStatus {
            error: Some("invalid bearer token".to_owned()),
            ..Default::default()
        },
        Some((user, audiences)) => TokenReviewStatus {
            authenticated: Some(true),
            audiences: Some(audiences),
            user: Some(shown(&user)),
            error: None,
        },
    });
    Ok(())
}
