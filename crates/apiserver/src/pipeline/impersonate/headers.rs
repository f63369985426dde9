//! Whom the headers of a request name.

use std::borrow::Cow;

use http::HeaderMap;
use navarch_auth::UserInfo;
use navarch_machinery::status::{Result, StatusError};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

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

/// It. A header that is not understood is refused, never passed over: it would leave the asker more than it wanted.
pub(super) fn wanted(headers: &HeaderMap) -> Result<UserInfo> {
    let mut wanted = UserInfo::default();
    for (header, value) in headers {
        let Some(kind) = header.as_str().strip_prefix("impersonate-") else {
            continue;
        };
        let value = value
            .to_str()
            .map_err(|_| StatusError::bad_request(format!("the header {header} is no text")))?;
        match (header.as_str(), header.as_str().strip_prefix(EXTRA)) {
            // Of several the first counts.
            (USER, _) if !wanted.name.is_empty() => {}
            (USER, _) => wanted.name = value.to_owned(),
            (GROUP, _) => wanted.groups.push(value.to_owned()),
            (UID, _) if !wanted.uid.is_empty() => {}
            (UID, _) => wanted.uid = value.to_owned(),
            (_, Some(key)) => {
                let key = crate::request::decode(key, false).unwrap_or(Cow::Borrowed(key));
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
    fn what_is_named_is_whom_they_mean() {
        let user = of(&[
            (USER, "bob"),
            (GROUP, "dev"),
            (UID, "7"),
            ("impersonate-extra-example.org%2fteam", "a"),
        ])
        .unwrap();
        let extra = BTreeMap::from([("example.org/team".into(), vec!["a".into()])]);
        assert_eq!((&*user.name, &*user.uid, user.extra), ("bob", "7", extra));
        assert_eq!(user.groups, ["dev"]);
    }

    #[test]
    fn of_several_the_first_is_meant_and_what_is_badly_encoded_stays_so() {
        let user = of(&[
            (USER, "bob"),
            (USER, "eve"),
            ("impersonate-extra-a%zz", "1"),
        ])
        .unwrap();
        assert_eq!(user.name, "bob");
        assert!(user.extra.contains_key("a%zz"));
    }

    #[test]
    fn nothing_is_passed_over() {
        assert!(of(&[(GROUP, "system:masters")]).is_err());
        assert!(of(&[(USER, "bob"), ("impersonate-shoe-size", "44")]).is_err());
        // Who names nobody is who asks.
        assert_eq!(of(&[(USER, "")]).unwrap(), UserInfo::default());
    }
}
