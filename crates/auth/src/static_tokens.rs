//! Static tokens from a file, in Kubernetes' format: `token,user,uid[,"group1,group2"]`, one a line.

use std::collections::HashMap;

use crate::{Error, Result, UserInfo};

/// Tokens and whom they stand for.
#[derive(Default)]
pub struct StaticTokens {
    users: HashMap<String, UserInfo>,
}

impl StaticTokens {
    /// Reads the file's text. Lines that are empty or begin with `#` are passed over.
    pub fn parse(text: &str) -> Result<Self> {
        let mut users = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason| Error::TokenFile {
                line: at + 1,
                reason,
            };
            let fields = split(line).ok_or_else(|| wrong("a quote is not closed"))?;
            let [token, name, uid, rest @ ..] = fields.as_slice() else {
                return Err(wrong(
                    "token, user and uid are needed: token,user,uid[,\"group1,group2\"]",
                ));
            };
            if token.is_empty() {
                return Err(wrong("the token is empty"));
            }
            if name.is_empty() {
                return Err(wrong("the user name is empty"));
            }
            let groups = rest.first().map_or("", String::as_str);
            let groups = groups
                .split(',')
                .map(str::trim)
                .filter(|group| !group.is_empty())
                .map(str::to_owned);
            let mut user = UserInfo::authenticated(name.as_str(), groups);
            user.uid.clone_from(uid);
            users.insert(token.clone(), user);
        }
        Ok(Self { users })
    }

    /// Adds a token that a part of this program made for another.
    pub fn insert(&mut self, token: String, user: UserInfo) {
        self.users.insert(token, user);
    }

    /// Whom a token stands for.
    pub fn user(&self, token: &str) -> Option<&UserInfo> {
        self.users.get(token)
    }
}

/// The fields of a CSV line; `None` where a quote is not closed.
fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(field) = fields.last_mut() else {
            break;
        };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            ' ' if !quoted && field.is_empty() => {}
            c => field.push(c),
        }
    }
    (!quoted).then_some(fields)
}
