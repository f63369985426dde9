//! The path and the method, taken apart once.

use std::borrow::Cow;

use http::Method;

use super::decode;

/// What is done to a resource, in the words of authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    Update,
    Watch,
    /// A method that no resource has.
    Other,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
            Self::Other => "",
        }
    }
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestInfo<'a> {
    /// Whether the path is a resource's; if not, only `path` and `verb` say something.
    pub(crate) resource_request: bool,
    pub(crate) path: &'a str,
    pub(crate) verb: Verb,
    /// Empty: the core group.
    pub(crate) group: Cow<'a, str>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) resource: Cow<'a, str>,
    /// Empty: the object itself.
    pub(crate) subresource: Cow<'a, str>,
    /// Empty: none, or all. For namespaces themselves: their name.
    pub(crate) namespace: Cow<'a, str>,
    /// Empty: a collection.
    pub(crate) name: Cow<'a, str>,
    /// What follows the subresource: the path that a proxy forwards.
    pub(crate) rest: &'a str,
}

impl<'a> RequestInfo<'a> {
    /// Takes a path apart. `watch`: whether the query asks for a watch. `None`: the path is not well encoded.
    pub(crate) fn parse(method: &Method, path: &'a str, watch: bool) -> Option<Self> {
        let mut info = Self::of_path(method, path);
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        let mut next = || -> Option<&'a str> {
            let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
            rest = tail;
            (!head.is_empty()).then_some(head)
        };
        match next() {
            Some("api") => {}
            Some("apis") => match next() {
                Some(group) => info.group = decode(group, false)?,
                None => return Some(info),
            },
            _ => return Some(info),
        }
        let (Some(version), Some(mut first)) = (next(), next()) else {
            return Some(info);
        };
        info.version = decode(version, false)?;
        let old_watch = first == "watch";
        if old_watch {
            let Some(after) = next() else {
                return Some(info);
            };
            first = after;
        }
        let (mut resource, mut name, mut subresource) = (first, next(), next());
        if let Some(namespace) = name.filter(|_| resource == "namespaces") {
            info.namespace = decode(namespace, false)?;
            if let Some(inner) = subresource.filter(|s| !matches!(*s, "status" | "finalize")) {
                (resource, name, subresource) = (inner, next(), next());
            }
        }
        info.resource_request = true;
        info.rest = rest;
        info.resource = decode(resource, false)?;
        info.name = decode(name.unwrap_or_default(), false)?;
        info.subresource = decode(subresource.unwrap_or_default(), false)?;
        // Whatever is done at the addresses of watches, it is one that is asked for.
        info.verb = match old_watch {
            true => Verb::Watch,
            false => verb(method, info.name.is_empty(), watch),
        };
        Some(info)
    }

    /// Whether it is a stream to or from a node, which lasts as long as both ends like.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(
            &*self.subresource,
            "attach" | "exec" | "proxy" | "log" | "portforward"
        )
    }

    /// Whether method, body and answer are another server's business.
    pub(crate) fn is_proxied(&self) -> bool {
        self.subresource == "proxy"
    }

    fn of_path(method: &Method, path: &'a str) -> Self {
        Self {
            resource_request: false,
            path,
            verb: verb(method, false, false),
            group: Cow::Borrowed(""),
            version: Cow::Borrowed(""),
            resource: Cow::Borrowed(""),
            subresource: Cow::Borrowed(""),
            namespace: Cow::Borrowed(""),
            name: Cow::Borrowed(""),
            rest: "",
        }
    }
}

fn verb(method: &Method, collection: bool, watch: bool) -> Verb {
    match *method {
        Method::GET | Method::HEAD if collection && watch => Verb::Watch,
        Method::GET | Method::HEAD if collection => Verb::List,
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if collection => Verb::DeleteCollection,
        Method::DELETE => Verb::Delete,
        _ => Verb::Other,
    }
}

impl Verb {
    /// Whether a request of it has no body.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::Get | Self::List | Self::Watch | Self::Other)
    }
}
