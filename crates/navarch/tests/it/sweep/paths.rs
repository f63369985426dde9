//! What is asked for: the paths that the resource table yields, and those that are no resource's.

use http::Method;
use navarch_api::def::{ResourceDef, SubresourceKind, Verb};
use navarch_api::table;

/// The paths that are no resource's.
const OTHERS: &[&str] = &[
    "/",
    "/.well-known/openid-configuration",
    "/api",
    "/api/v1",
    "/apis",
    "/apis/apps/v1",
    "/healthz",
    "/livez/ping",
    "/metrics",
    "/openapi/v2",
    "/openid/v1/jwks",
    "/readyz",
    "/version",
];

/// A path, or a collection and its objects, and the requests that are tried with it.
pub(super) struct Path {
    pub(super) shown: String,
    pub(super) tries: Vec<Try>,
}

/// One request. It changes nothing, whoever makes it: writes are tried without effect, or about what is not there.
pub(super) struct Try {
    pub(super) letter: char,
    /// All that it needs, as a refusal names them.
    pub(super) verbs: Vec<&'static str>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

pub(super) fn all() -> Vec<Path> {
    let mut paths: Vec<Path> = OTHERS.iter().map(|path| other(path)).collect();
    for def in table::builtin().rows() {
        paths.push(whole(def));
        if def.is_namespaced() {
            paths.extend(everywhere(def));
        }
        paths.extend(def.subresources.iter().map(|sub| {
            let name = &sub.name;
            // What is forwarded may have any method.
            let verbs = match sub.kind {
                SubresourceKind::Proxy => &[Verb::Get, Verb::Create, Verb::Update][..],
                _ => &sub.verbs,
            };
            let object = format!("{}/{name}", object(def));
            Path {
                shown: format!("{}/{name}", shown(def)),
                tries: verbs.iter().map(|verb| attempt(*verb, &object)).collect(),
            }
        }));
    }
    paths
}

fn other(path: &str) -> Path {
    Path {
        shown: path.to_owned(),
        tries: vec![attempt(Verb::Get, path)],
    }
}

fn shown(def: &ResourceDef) -> String {
    format!("{} {}", def.api_version(), def.plural)
}

/// The verbs of a resource, in its namespace if it has one.
fn whole(def: &ResourceDef) -> Path {
    let (collection, object) = (collection(def), object(def));
    let tries = def.verbs.iter().map(|verb| {
        let of_many = matches!(
            verb,
            Verb::List | Verb::Watch | Verb::Create | Verb::DeleteCollection
        );
        attempt(*verb, if of_many { &collection } else { &object })
    });
    Path {
        shown: shown(def),
        tries: tries.chain(making(def)).collect(),
    }
}

/// What makes an object that is not there by other verbs than its own.
fn making(def: &ResourceDef) -> Vec<Try> {
    let name = match &*def.plural {
        "nodes" | "csinodes" => "node1",
        _ => "not-there",
    };
    let path = format!("{}/{name}", collection(def));
    let (version, kind) = (def.api_version(), &def.kind);
    let body = format!(
        r#"{{"apiVersion": "{version}", "kind": "{kind}", "metadata": {{"name": "{name}"}}}}"#
    );
    let mut tries = Vec::new();
    if def.verbs.contains(&Verb::Update) && def.strategy.update_rules().create_on_update {
        tries.push(Try {
            letter: 'U',
            verbs: vec!["update", "create"],
            body: body.clone(),
            ..attempt(Verb::Update, &path)
        });
    }
    if def.verbs.contains(&Verb::Patch) {
        let applied = attempt(Verb::Patch, &path);
        tries.push(Try {
            letter: 'A',
            verbs: vec!["patch", "create"],
            path: format!("{}&fieldManager=sweep", applied.path),
            content_type: "application/apply-patch+yaml",
            body,
            ..applied
        });
    }
    tries
}

/// Lists and watches across all namespaces.
fn everywhere(def: &ResourceDef) -> Option<Path> {
    let path = format!("{}/{}", root(def), def.plural);
    let verbs = def.verbs.iter();
    let verbs = verbs.filter(|verb| matches!(verb, Verb::List | Verb::Watch));
    let tries: Vec<Try> = verbs.map(|verb| attempt(*verb, &path)).collect();
    let shown = format!("{} everywhere", shown(def));
    (!tries.is_empty()).then_some(Path { shown, tries })
}

fn root(def: &ResourceDef) -> String {
    match def.group.is_empty() {
        true => format!("/api/{}", def.version),
        false => format!("/apis/{}/{}", def.group, def.version),
    }
}

fn collection(def: &ResourceDef) -> String {
    let (root, plural) = (root(def), &def.plural);
    match def.is_namespaced() {
        true => format!("{root}/namespaces/default/{plural}"),
        false => format!("{root}/{plural}"),
    }
}

/// One that is not there, but for what names what a user has.
fn object(def: &ResourceDef) -> String {
    let name = match &*def.plural {
        "namespaces" => "default",
        "nodes" | "csinodes" => "node1",
        _ => "not-there",
    };
    format!("{}/{name}", collection(def))
}

fn attempt(verb: Verb, path: &str) -> Try {
    let (letter, method, query) = match verb {
        Verb::Get => ('g', Method::GET, ""),
        Verb::List => ('l', Method::GET, "?limit=1"),
        // No such version: a watch ends before it begins.
        Verb::Watch => ('w', Method::GET, "?watch=true&resourceVersion=none"),
        Verb::Create => ('c', Method::POST, "?dryRun=All"),
        Verb::Update => ('u', Method::PUT, "?dryRun=All"),
        Verb::Patch => ('p', Method::PATCH, "?dryRun=All"),
        Verb::Delete => ('d', Method::DELETE, "?dryRun=All"),
        Verb::DeleteCollection => ('x', Method::DELETE, "?dryRun=All"),
    };
    Try {
        letter,
        verbs: vec![verb.as_str()],
        content_type: match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        },
        body: match method {
            Method::POST | Method::PUT | Method::PATCH => "{}".to_owned(),
            _ => String::new(),
        },
        method,
        path: format!("{path}{query}"),
    }
}
