//! Bootstrap tokens: by `ID.SECRET` somebody who is not known yet may ask for a certificate. A token is a Secret of the cluster, so it
//! can be made, listed and taken back like any object.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use navarch_api::bootstrap_token::{self as kept, Expiry};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

use crate::{Error, Result, UserInfo};

/// The group of all who come with a bootstrap token.
pub const BOOTSTRAPPERS: &str = "system:bootstrappers";
/// What their names begin with; the token's id follows.
const USER_PREFIX: &str = "system:bootstrap:";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The longest that follows `system:bootstrappers:` in the name of a group.
const GROUP_LENGTH: usize = 256;

/// A token: six letters or digits that everybody may know, and sixteen that nobody may.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapToken {
    /// By which its secret is found.
    pub id: String,
    /// What proves it.
    pub secret: String,
}

impl BootstrapToken {
    /// Reads `ID.SECRET`; `None`: it is no bootstrap token.
    pub fn parse(token: &str) -> Option<Self> {
        let (id, secret) = token.split_once('.')?;
        let is = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| LETTERS.contains(&byte))
        };
        (is(id, ID_LENGTH) && is(secret, SECRET_LENGTH)).then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// A new one.
    pub fn generate() -> Result<Self> {
        let random = SystemRandom::new();
        Ok(Self {
            id: letters(&random, ID_LENGTH)?,
            secret: letters(&random, SECRET_LENGTH)?,
        })
    }

    /// The name of its secret.
    pub fn secret_name(&self) -> String {
        format!("{}{}", kept::NAME_PREFIX, self.id)
    }

    /// Whom it stands for, by the secret of its name: nobody where that is of another type, does not hold it, is being deleted or
    /// over, is not meant for authentication, or names groups that are none of bootstrappers.
    pub fn user(&self, secret: &Secret, now: Timestamp) -> Option<UserInfo> {
        let says = |key| kept::text(secret, key);
        let proved: bool = says(kept::SECRET)
            .as_bytes()
            .ct_eq(self.secret.as_bytes())
            .into();
        let holds = proved
            && secret.type_.as_deref() == Some(kept::TYPE)
            && secret.metadata.deletion_timestamp.is_none()
            && says(kept::ID) == self.id
            && Expiry::of(secret, now) != Expiry::Over
            && says(kept::USAGE_AUTHENTICATION) == "true";
        let groups = extra_groups(says(kept::EXTRA_GROUPS)).filter(|_| holds)?;
        let name = format!("{USER_PREFIX}{}", self.id);
        Some(UserInfo::authenticated(name, groups))
    }
}

impl std::fmt::Display for BootstrapToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.id, self.secret)
    }
}

/// So that it is in no log.
impl std::fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.***", self.id)
    }
}

/// Whether a token may be in a group.
pub fn is_bootstrap_group(name: &str) -> bool {
    let rest = name.strip_prefix("system:bootstrappers:");
    rest.is_some_and(|rest| {
        let last = rest.bytes().last();
        rest.len() <= GROUP_LENGTH
            && rest
                .bytes()
                .all(|byte| LETTERS.contains(&byte) || b":-".contains(&byte))
            && last.is_some_and(|byte| LETTERS.contains(&byte))
    })
}

/// All groups of a token, in order; `None`: one of those that are named must not be.
fn extra_groups(named: &str) -> Option<BTreeSet<String>> {
    let mut groups = BTreeSet::from([BOOTSTRAPPERS.to_owned()]);
    for name in named.split(',').filter(|_| !named.is_empty()) {
        if !is_bootstrap_group(name) {
            return None;
        }
        groups.insert(name.to_owned());
    }
    Some(groups)
}

/// Random letters and digits, each as likely as the others.
fn letters(random: &SystemRandom, count: usize) -> Result<String> {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut bytes = [0_u8; 32];
        random
            .fill(&mut bytes)
            .map_err(|_| Error::Token("the system has no random numbers"))?;
        // Of 256 values the last four would make four letters likelier.
        let fair = bytes.iter().filter(|&&byte| byte < 252);
        let letters = fair.map(|&byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        text.extend(letters.take(count - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    /// The groups of the user that the token `abcdef.0123456789abcdef` stands for, by a secret with these values beside the usual.
    fn groups(change: &Value) -> Option<Vec<String>> {
        use base64::Engine;
        let mut data = json!({
            kept::ID: "abcdef", kept::SECRET: "0123456789abcdef", kept::USAGE_AUTHENTICATION: "true",
        });
        let mut secret =
            json!({"metadata": {"name": "bootstrap-token-abcdef"}, "type": kept::TYPE});
        for (key, value) in change.as_object().unwrap() {
            match key.as_str() {
                "type" | "metadata" => secret[key] = value.clone(),
                _ => data[key] = value.clone(),
            }
        }
        for value in data.as_object_mut().unwrap().values_mut() {
            let text = value.as_str().unwrap();
            *value = base64::engine::general_purpose::STANDARD
                .encode(text)
                .into();
        }
        secret["data"] = data;
        let secret: Secret = serde_json::from_value(secret).unwrap();
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").unwrap();
        assert_eq!(token.secret_name(), secret.metadata.name.clone().unwrap());
        let user = token.user(&secret, NOW.parse().unwrap())?;
        assert_eq!(user.name, "system:bootstrap:abcdef");
        Some(user.groups)
    }

    #[test]
    fn a_token_stands_for_a_bootstrapper() {
        let usual = ["system:bootstrappers", "system:authenticated"].map(str::to_owned);
        assert_eq!(groups(&json!({})), Some(usual.to_vec()));
        let later = json!({kept::EXPIRATION: "2026-01-01T00:00:01Z"});
        assert!(groups(&later).is_some());
        let more = json!({kept::EXTRA_GROUPS: "system:bootstrappers:b,system:bootstrappers:a:x-1"});
        let all = [
            "system:bootstrappers",
            "system:bootstrappers:a:x-1",
            "system:bootstrappers:b",
            "system:authenticated",
        ];
        assert_eq!(groups(&more), Some(all.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_does_not_hold_stands_for_nobody() {
        for change in [
            json!({"type": "Opaque"}),
            json!({"metadata": {"name": "bootstrap-token-abcdef", "deletionTimestamp": NOW}}),
            json!({kept::SECRET: "0123456789abcdee"}),
            json!({kept::SECRET: ""}),
            json!({kept::ID: "abcdee"}),
            json!({kept::EXPIRATION: NOW}),
            json!({kept::EXPIRATION: "soon"}),
            json!({kept::USAGE_AUTHENTICATION: "True"}),
            json!({kept::EXTRA_GROUPS: "system:masters"}),
            json!({kept::EXTRA_GROUPS: "system:bootstrappers:a,"}),
            json!({kept::EXTRA_GROUPS: "system:bootstrappers:a:"}),
            json!({kept::EXTRA_GROUPS: "system:bootstrappers:A"}),
        ] {
            assert_eq!(groups(&change), None, "{change}");
        }
    }

    #[test]
    fn tokens_are_as_kubernetes_writes_them() {
        for no in [
            "",
            "abcdef",
            "abcdef.0123456789abcde",
            "abcdef.0123456789abcdefg",
            "abcde.0123456789abcdef",
            "Abcdef.0123456789abcdef",
            "abcdef.0123456789abcde.",
        ] {
            assert!(BootstrapToken::parse(no).is_none(), "{no}");
        }
        let one = BootstrapToken::generate().unwrap();
        assert_eq!(BootstrapToken::parse(&one.to_string()), Some(one.clone()));
        assert!(one != BootstrapToken::generate().unwrap());
        assert_eq!(format!("{one:?}"), format!("{}.***", one.id));
    }
}
