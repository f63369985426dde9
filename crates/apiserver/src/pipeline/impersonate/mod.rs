//! Acting as somebody else: the `Impersonate-*` headers.
//!
//! There are several ways to be permitted that, and each that fits is tried. Those with a name permit a request and no more: the asker
//! must be allowed `impersonate-on:WAY:VERB` on what the request is about, and `impersonate:WAY` on everything that is told of whom
//! it is to be. The old one permits to be somebody for everything, by `impersonate` alone. They are those of Kubernetes'
//! constrained impersonation.

mod demands;
mod headers;
mod ways;

use std::sync::Arc;

use http::HeaderMap;
use navarch_auth::{ANONYMOUS, AUTHENTICATED, Attributes, NODES, UNAUTHENTICATED, UserInfo};
use navarch_machinery::status::Result;

use self::demands::Demands;
use self::ways::{Way, node, service_account};
use super::authorize::forbidden;
use crate::ApiServer;

impl ApiServer {
    /// The user whom a request is to be answered as: the one who asks, or who is named in its headers if that is permitted. `asked`:
    /// what the request is about.
    pub(crate) fn impersonate(
        &self,
        user: Arc<UserInfo>,
        headers: &HeaderMap,
        asked: &Attributes<'_>,
    ) -> Result<Arc<UserInfo>> {
        let named = |name: &http::HeaderName| name.as_str().starts_with("impersonate-");
        if !headers.keys().any(named) {
            return Ok(user);
        }
        let wanted = headers::wanted(headers)?;
        if wanted == UserInfo::default() {
            // Headers that name nobody.
            return Ok(user);
        }
        let mut first = None;
        for way in Way::ALL.into_iter().filter(|way| way.fits(&wanted, &user)) {
            match self.permit_way(way, &user, &wanted, asked) {
                Ok(()) => return Ok(Arc::new(completed(wanted, Some(way)))),
                Err(error) => first = first.or(Some(error)),
            }
        }
        match self.permit_all(&Demands::of_old(&wanted), &user) {
            Ok(()) => Ok(Arc::new(completed(wanted, None))),
            // What was said first is what would give least.
            Err(error) => Err(first.unwrap_or(error)),
        }
    }

    fn permit_way(
        &self,
        way: Way,
        user: &UserInfo,
        wanted: &UserInfo,
        asked: &Attributes<'_>,
    ) -> Result<()> {
        let verb = format!("impersonate-on:{}:{}", way.name(), asked.verb);
        let asked = Attributes {
            verb: &verb,
            ..*asked
        };
        self.permit(user, &asked)?;
        let verb = format!("impersonate:{}", way.name());
        let demands = Demands::of_way(way, &verb, wanted);
        self.permit_all(&demands, user)?;
        match demands.objection() {
            None => Ok(()),
            Some((attributes, why)) => Err(forbidden(user, &attributes, &why)),
        }
    }

    /// Of many at once, all that there could be are asked for before each.
    fn permit_all(&self, demands: &Demands<'_>, user: &UserInfo) -> Result<()> {
        for part in demands.parts() {
            let whole = part.whole.iter();
            let is_permitted = |attributes| self.permit(user, attributes).is_ok();
            if whole.into_iter().any(is_permitted) {
                continue;
            }
            part.each
                .iter()
                .try_for_each(|attributes| self.permit(user, attributes))?;
        }
        Ok(())
    }
}

/// With the groups that somebody of that name is in anyway.
fn completed(mut wanted: UserInfo, way: Option<Way>) -> UserInfo {
    if way.is_some() && node(&wanted.name).is_some() {
        wanted.groups = vec![NODES.to_owned()];
    }
    if wanted.groups.is_empty()
        && let Some((namespace, _)) = service_account(&wanted.name)
    {
        wanted.groups = vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
        ];
    }
    let usual = match &*wanted.name {
        ANONYMOUS => UNAUTHENTICATED,
        _ if wanted.in_group(UNAUTHENTICATED) => UNAUTHENTICATED,
        _ => AUTHENTICATED,
    };
    if !wanted.in_group(usual) {
        wanted.groups.push(usual.to_owned());
    }
    wanted
}

#[cfg(test)]
mod tests;
