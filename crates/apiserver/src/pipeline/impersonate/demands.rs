//! What must be permitted for somebody to be acted as.

use navarch_auth::{Attributes, MASTERS, UserInfo};
use navarch_machinery::field::{Path, together};
use navarch_machinery::names::is_domain_prefixed_path;

use super::ways::{Way, node, service_account};

/// Everything about somebody but, in the old way, their name and groups is asked for in this group.
const AUTHENTICATION: &str = "authentication.k8s.io";
/// From so many on, all that there could be are asked for first.
const MANY: usize = 4;

/// It, for one user in one way.
pub(super) struct Demands<'a> {
    way: Option<Way>,
    verb: &'a str,
    wanted: &'a UserInfo,
}

/// What belongs together.
pub(super) struct Part<'a> {
    /// Enough for all of them.
    pub(super) whole: Option<Attributes<'a>>,
    /// They.
    pub(super) each: Vec<Attributes<'a>>,
}

impl<'a> Demands<'a> {
    /// For everything that the user may do.
    pub(super) fn of_old(wanted: &'a UserInfo) -> Self {
        Self {
            way: None,
            verb: "impersonate",
            wanted,
        }
    }

    /// For one request.
    pub(super) fn of_way(way: Way, verb: &'a str, wanted: &'a UserInfo) -> Self {
        Self {
            way: Some(way),
            verb,
            wanted,
        }
    }

    fn about(&self, group: &'a str, resource: &'a str, name: &'a str) -> Attributes<'a> {
        Attributes {
            verb: self.verb,
            resource_request: true,
            group,
            version: "v1",
            resource,
            name,
            ..Attributes::default()
        }
    }

    /// Names and groups are of the core group in the old way.
    fn group(&self) -> &'static str {
        self.way.map_or("", |_| AUTHENTICATION)
    }

    fn user(&self) -> Attributes<'a> {
        let name = &*self.wanted.name;
        let constrained_node = self.way.and_then(|_| node(name));
        if let Some(node) = constrained_node {
            let any = self.way == Some(Way::AssociatedNode);
            // Which one it is has been seen to: the asker's own.
            return self.about(self.group(), "nodes", if any { "*" } else { node });
        }
        match service_account(name) {
            Some((namespace, name)) => Attributes {
                namespace,
                ..self.about(self.group(), "serviceaccounts", name)
            },
            None => self.about(self.group(), "users", name),
        }
    }

    fn extra(&self, key: &'a str, value: &'a str) -> Attributes<'a> {
        Attributes {
            subresource: key,
            ..self.about(AUTHENTICATION, "userextras", value)
        }
    }

    /// All, in order.
    pub(super) fn parts(&self) -> Vec<Part<'a>> {
        let wanted = self.wanted;
        let single = |attributes| Part {
            whole: None,
            each: vec![attributes],
        };
        let mut parts = vec![single(self.user())];
        if !wanted.uid.is_empty() {
            parts.push(single(self.about(AUTHENTICATION, "uids", &wanted.uid)));
        }
        let groups = wanted.groups.iter();
        let groups = groups.map(|group| self.about(self.group(), "groups", group));
        parts.push(self.part(groups.collect(), self.about(self.group(), "groups", "*")));
        let extra = wanted.extra.iter();
        let extra = extra.flat_map(|(key, values)| values.iter().map(|it| self.extra(key, it)));
        parts.push(self.part(extra.collect(), self.extra("*", "*")));
        parts
    }

    fn part(&self, each: Vec<Attributes<'a>>, whole: Attributes<'a>) -> Part<'a> {
        let many = self.way.is_some() && each.len() >= MANY;
        Part {
            whole: many.then_some(whole),
            each,
        }
    }

    /// What nobody may be told to be in the new ways, with what it is told of.
    pub(super) fn objection(&self) -> Option<(Attributes<'a>, String)> {
        let groups = &self.wanted.groups;
        let of_groups = |name| self.about(self.group(), "groups", name);
        if groups.iter().any(String::is_empty) {
            let why = "impersonating the empty string group is not allowed";
            return Some((of_groups(""), why.to_owned()));
        }
        if groups.iter().any(|group| group == MASTERS) {
            let why = "impersonating the system:masters group is not allowed";
            return Some((of_groups(MASTERS), why.to_owned()));
        }
        let mut extra = self.wanted.extra.iter();
        let why = extra.find_map(|(key, values)| of_extra(key, values))?;
        Some((self.about(AUTHENTICATION, "userextras", ""), why))
    }
}

fn of_extra(key: &str, values: &[String]) -> Option<String> {
    let wrong = is_domain_prefixed_path(&Path::new("extra").child("key"), key);
    Some(match () {
        () if key.is_empty() => {
            "impersonating the empty string key in extra is not allowed".to_owned()
        }
        () if !wrong.is_empty() => {
            let wrong = together(&wrong);
            format!("impersonating an invalid key in extra is not allowed: {wrong}")
        }
        () if key.to_lowercase() != key => {
            format!("impersonating a non-lowercase key in extra is not allowed: {key:?}")
        }
        () if values.iter().any(String::is_empty) => {
            "impersonating the empty string value in extra is not allowed".to_owned()
        }
        () => return None,
    })
}
