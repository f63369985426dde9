//! Who writes.

use std::borrow::Cow;

use jiff::Timestamp;
use navarch_api::schema::schema;
use navarch_machinery::apply::{Scope, Write};
use navarch_machinery::schema::TypeId;

/// The longest name of a manager, in bytes: as much of a user agent counts.
pub(super) const MAX_MANAGER: usize = 128;

/// Who writes when nothing tells.
const UNKNOWN: &str = "unknown";

/// Who writes, in which version, and when.
#[derive(Debug, Clone)]
pub(crate) struct Writer<'a> {
    manager: Cow<'a, str>,
    api_version: &'a str,
    subresource: &'a str,
    now: String,
}

impl<'a> Writer<'a> {
    /// `given`: the option `fieldManager`; `agent`: who sends the request.
    pub(crate) fn new(
        given: &'a str,
        agent: &'a str,
        api_version: &'a str,
        subresource: &'a str,
        now: Timestamp,
    ) -> Self {
        let manager = if given.is_empty() {
            of_agent(agent)
        } else {
            given.into()
        };
        Self {
            manager: if manager.is_empty() {
                UNKNOWN.into()
            } else {
                manager
            },
            api_version,
            subresource,
            now: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }

    /// The same writer of another kind of object.
    pub(crate) fn of_version(&self, api_version: &'a str) -> Self {
        Self {
            api_version,
            ..self.clone()
        }
    }

    /// Its write of an object of that type.
    pub(crate) fn write(&self, ty: TypeId, scope: Scope) -> Write<'_> {
        Write {
            types: schema(),
            ty,
            scope,
            manager: &self.manager,
            api_version: self.api_version,
            subresource: self.subresource,
            now: &self.now,
        }
    }
}

/// The first word of a user agent, as far as it can be printed.
fn of_agent(agent: &str) -> Cow<'_, str> {
    let word = agent.split('/').next().unwrap_or_default();
    if word.len() <= MAX_MANAGER
        && word
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Cow::Borrowed(word);
    }
    let mut name = String::new();
    for letter in word.chars().filter(|letter| !letter.is_control()) {
        if name.len() + letter.len_utf8() > MAX_MANAGER {
            break;
        }
        name.push(letter);
    }
    Cow::Owned(name)
}

/// The name under which a part of this process writes: the program's that does its work in Kubernetes.
pub(crate) fn part_name(user: &str) -> &str {
    match user.strip_prefix("system:") {
        Some("apiserver") => "kube-apiserver",
        Some(name) if name == "node" || name.starts_with("node:") => "kubelet",
        // The controllers' accounts.
        Some(name) if name.starts_with("serviceaccount:kube-system:") => "kube-controller-manager",
        Some(name) => name,
        None => user,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_who_writes() {
        let check = |given, agent, expected: &str| {
            let writer = Writer::new(given, agent, "v1", "", Timestamp::UNIX_EPOCH);
            assert_eq!(writer.manager, expected);
        };
        check("one", "kubectl/v1.36", "one");
        check("", "kubectl/v1.36 (linux/amd64)", "kubectl");
        check("", "", UNKNOWN);
        check("", "a\u{7}b", "ab");
        check("", &"é".repeat(100), &"é".repeat(64));
    }

    #[test]
    fn names_the_parts() {
        assert_eq!(part_name("system:kube-scheduler"), "kube-scheduler");
        assert_eq!(part_name("system:node:worker"), "kubelet");
        assert_eq!(part_name("system:apiserver"), "kube-apiserver");
        assert_eq!(part_name("admin"), "admin");
    }
}
