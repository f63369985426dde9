//! Acting as somebody else: the `Impersonate-*` headers, each of which the user must be permitted.

use std::sync::Arc;

use http::HeaderMap;
use navarch_auth::{ANONYMOUS, AUTHENTICATED, Attributes, UNAUTHENTICATED, UserInfo};
use navarch_machinery::names::{is_dns1123_label, is_dns1123_subdomain};
use navarch_machinery::status::{Result, StatusError};

use crate::ApiServer;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
/// Everything about somebody but the name is asked for in this group.
const AUTHENTICATION: &str = "authentication.k8s.io";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

impl ApiServer {
    /// The user whom the request is to be answered as: the one who asks, or who is named in its headers if that is permitted.
    /// A header that is not understood is refused, never passed over: it would leave the asker more than it wanted.
    pub(crate) fn impersonate(
        &self,
        user: Arc<UserInfo>,
        headers: &HeaderMap,
    ) -> Result<Arc<UserInfo>> {
        if !headers
            .keys()
            .any(|name| name.as_str().starts_with("impersonate-"))
        {
            return Ok(user);
        }
        let wanted = wanted(headers)?;
        if wanted == UserInfo::default() {
            // Headers that name nobody.
            return Ok(user);
        }
        for (group, resource, subresource, namespace, name) in demands(&wanted) {
            let attributes = Attributes {
                verb: "impersonate",
                resource_request: true,
                group,
                version: "v1",
                resource,
                subresource,
                namespace,
                name,
                ..Attributes::default()
            };
            self.permit(&user, &attributes)?;
        }
        Ok(Arc::new(completed(wanted)))
    }
}

/// As Go prints it.
fn as_go(user: &UserInfo) -> String {
    let texts = |texts: &[String]| match texts {
        [] => "[]string(nil)".to_owned(),
        texts => {
            let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
            format!("[]string{{{}}}", quoted.join(", "))
        }
    };
    let extra: Vec<String> = user
        .extra
        .iter()
        .map(|(key, values)| format!("{key:?}:{}", texts(values)))
        .collect();
    let extra = match extra.as_slice() {
        [] => "(nil)".to_owned(),
        extra => format!("{{{}}}", extra.join(", ")),
    };
    format!(
        "&user.DefaultInfo{{Name:{:?}, UID:{:?}, Groups:{}, Extra:map[string][]string{extra}}}",
        user.name,
        user.uid,
        texts(&user.groups)
    )
}

/// What the headers name.
fn wanted(headers: &HeaderMap) -> Result<UserInfo> {
    let mut wanted = UserInfo::default();
    for (header, value) in headers {
        let Some(kind) = header.as_str().strip_prefix("impersonate-") else {
            continue;
        };
        let value = value
            .to_str()
            .map_err(|_| StatusError::bad_request(format!("the header {header} is no text")))?;
        match (header.as_str(), header.as_str().strip_prefix(EXTRA)) {
            (USER, _) => wanted.name = value.to_owned(),
            (GROUP, _) => wanted.groups.push(value.to_owned()),
            (UID, _) => wanted.uid = value.to_owned(),
            (_, Some(key)) => {
                let key = crate::request::decode(key, false).unwrap_or_default();
                let values: &mut Vec<String> = wanted.extra.entry(key.into_owned()).or_default();
                values.push(value.to_owned());
            }
            _ => {
                let why = format!("nobody can be impersonated by their {kind}");
                return Err(StatusError::bad_request(why));
            }
        }
    }
    if wanted.name.is_empty() && wanted != UserInfo::default() {
        let why = format!(
            "requested {} without impersonating a user name",
            as_go(&wanted)
        );
        return Err(StatusError::bad_request(why));
    }
    Ok(wanted)
}

/// Group, resource, subresource, namespace and name of each thing that the asker must be permitted to impersonate.
fn demands(wanted: &UserInfo) -> Vec<(&str, &str, &str, &str, &str)> {
    let mut demands = vec![match service_account(&wanted.name) {
        Some((namespace, name)) => ("", "serviceaccounts", "", namespace, name),
        None => ("", "users", "", "", &*wanted.name),
    }];
    demands.extend(
        wanted
            .groups
            .iter()
            .map(|group| ("", "groups", "", "", &**group)),
    );
    if !wanted.uid.is_empty() {
        demands.push((AUTHENTICATION, "uids", "", "", &wanted.uid));
    }
    for (key, values) in &wanted.extra {
        demands.extend(
            values
                .iter()
                .map(|value| (AUTHENTICATION, "userextras", &**key, "", &**value)),
        );
    }
    demands
}

fn service_account(name: &str) -> Option<(&str, &str)> {
    let (namespace, name) = name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    // Anything else is a user's name that only looks like one.
    let valid = is_dns1123_label(namespace).is_empty() && is_dns1123_subdomain(name).is_empty();
    valid.then_some((namespace, name))
}

/// With the groups that somebody of that name is in anyway.
fn completed(mut wanted: UserInfo) -> UserInfo {
    if wanted.groups.is_empty()
        && let Some((namespace, _)) = service_account(&wanted.name)
    {
        wanted.groups = vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
        ];
    }
    let usual = if wanted.name == ANONYMOUS {
        UNAUTHENTICATED
    } else {
        AUTHENTICATED
    };
    let told = [AUTHENTICATED, UNAUTHENTICATED];
    if !wanted.groups.iter().any(|group| told.contains(&&**group)) {
        wanted.groups.push(usual.to_owned());
    }
    wanted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Result<UserInfo> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        wanted(&map)
    }

    #[test]
    fn a_service_account_is_in_its_groups() {
        let user = of(&[(USER, "system:serviceaccount:ns:robot")]).unwrap();
        assert_eq!(
            demands(&user)[0],
            ("", "serviceaccounts", "", "ns", "robot")
        );
        let user = completed(user);
        let groups = [
            "system:serviceaccounts",
            "system:serviceaccounts:ns",
            AUTHENTICATED,
        ];
        assert_eq!(user.groups, groups);
    }

    #[test]
    fn everything_named_is_asked_for() {
        let user = of(&[
            (USER, "bob"),
            (GROUP, "dev"),
            (UID, "7"),
            ("impersonate-extra-example.org%2fteam", "a"),
        ])
        .unwrap();
        assert_eq!(
            user.extra,
            BTreeMap::from([("example.org/team".into(), vec!["a".into()])])
        );
        assert_eq!(
            demands(&user)[..],
            [
                ("", "users", "", "", "bob"),
                ("", "groups", "", "", "dev"),
                (AUTHENTICATION, "uids", "", "", "7"),
                (AUTHENTICATION, "userextras", "example.org/team", "", "a"),
            ]
        );
    }

    #[test]
    fn nothing_is_passed_over() {
        assert!(of(&[(GROUP, "system:masters")]).is_err());
        assert!(of(&[(USER, "bob"), ("impersonate-shoe-size", "44")]).is_err());
        // Who names nobody is who asks.
        assert_eq!(of(&[(USER, "")]).unwrap(), UserInfo::default());
    }
}
