//! What the API server is asked.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use navarch_client::Client;
use navarch_machinery::status::Result;

use super::Asked;
use super::user::User;

/// Whose a token is; nobody's, if it is none.
pub(super) async fn user_of(client: &Client, token: &str) -> Result<Option<User>> {
    let review = TokenReview {
        spec: TokenReviewSpec {
            token: token.to_owned(),
            ..Default::default()
        },
        ..Default::default()
    };
    let answer = client.create(review).await?;
    let Some(status) = &answer.status else {
        return Ok(None);
    };
    let user = status.user.as_ref();
    let user = user.filter(|_| status.authenticated == Some(true));
    Ok(user.map(|user| User {
        name: user.username.clone().unwrap_or_default(),
        uid: user.uid.clone().unwrap_or_default(),
        groups: user.groups.clone().unwrap_or_default(),
        extra: user.extra.clone().unwrap_or_default(),
    }))
}

/// Whether somebody may do something to a part of this node.
pub(super) async fn may(client: &Client, node: &str, asked: &Asked) -> Result<bool> {
    let Asked {
        user,
        verb,
        subresource,
    } = asked;
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: some(&user.name),
            uid: some(&user.uid),
            groups: Some(user.groups.clone()),
            extra: Some(user.extra.clone()),
            resource_attributes: Some(ResourceAttributes {
                verb: some(verb),
                version: some("v1"),
                resource: some("nodes"),
                subresource: some(subresource),
                name: some(node),
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Default::default()
    };
    let answer = client.create(review).await?;
    Ok(answer.status.as_ref().is_some_and(|status| status.allowed))
}
