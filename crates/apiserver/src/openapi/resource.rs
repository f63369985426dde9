//! The paths and operations of one resource, from its row of the table.

use navarch_api::def::{ResourceDef, Subresource, SubresourceKind, Verb};

use super::names::{of_group, pascal, tag};
use super::operations::{Content, Media, Operation, Path};
use super::parameters::{
    ATTACH, DELETE, DELETE_COLLECTION, EXEC, LIST, LOG, NAME, NAMESPACE, PATCH, PORT_FORWARD,
    PRETTY, PROXIED, Parameter, REST, WRITE,
};
use super::schemas::name_of;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// A resource's operations in the making.
struct Maker<'a> {
    def: &'a ResourceDef,
    /// The full name of its type.
    schema: &'static str,
    /// `CoreV1`.
    group_version: String,
    /// `/api/v1`.
    prefix: String,
}

/// All paths of a resource below `/PREFIX/`. None where the resource has no type.
pub(super) fn paths(prefix: &str, def: &ResourceDef) -> Vec<Path> {
    let Some(schema) = name_of(&def.group, &def.version, &def.kind) else {
        return Vec::new();
    };
    let maker = Maker {
        def,
        schema,
        group_version: of_group(&def.group) + &pascal(&def.version),
        prefix: format!("/{prefix}"),
    };
    let mut paths = vec![maker.collection(), maker.item()];
    if def.is_namespaced() {
        paths.push(maker.everywhere());
    }
    paths.extend(def.subresources.iter().flat_map(|sub| maker.sub(sub)));
    paths.extend(maker.watches());
    paths.retain(|path| !path.operations.is_empty());
    paths
}

impl Maker<'_> {
    fn place(&self) -> &'static str {
        if self.def.is_namespaced() {
            "/namespaces/{namespace}"
        } else {
            ""
        }
    }

    fn namespaced(&self) -> &'static str {
        if self.def.is_namespaced() {
            "Namespaced"
        } else {
            ""
        }
    }

    fn collection(&self) -> Path {
        let verbs = [Verb::DeleteCollection, Verb::List, Verb::Create];
        self.path(self.place(), "", &verbs)
    }

    fn item(&self) -> Path {
        let verbs = [Verb::Delete, Verb::Get, Verb::Patch, Verb::Update];
        self.path(self.place(), "/{name}", &verbs)
    }

    fn path(&self, place: &str, name: &str, verbs: &[Verb]) -> Path {
        let has = verbs.iter().filter(|verb| self.def.verbs.contains(verb));
        Path {
            path: format!("{}{place}/{}{name}", self.prefix, self.def.plural),
            operations: has.filter_map(|verb| self.operation(*verb, None)).collect(),
        }
    }

    /// The list of all namespaces.
    fn everywhere(&self) -> Path {
        let mut path = self.path("", "", &[Verb::List]);
        for operation in &mut path.operations {
            operation.id = format!(
                "list{}{}ForAllNamespaces",
                self.group_version, self.def.kind
            );
            operation.parameters.retain(|p| *p != NAMESPACE);
        }
        path
    }

    /// The older way to watch, a path of its own.
    fn watches(&self) -> Vec<Path> {
        let def = self.def;
        if !def.verbs.contains(&Verb::Watch) {
            return Vec::new();
        }
        let (gv, kind, own) = (&self.group_version, &def.kind, self.namespaced());
        let watch = |place: &str, name: &str, id: String, action: &'static str| {
            let mut parameters = vec![PRETTY];
            parameters.extend_from_slice(LIST);
            parameters.extend((!place.is_empty()).then_some(NAMESPACE));
            parameters.extend((!name.is_empty()).then_some(NAME));
            let operation = Operation {
                action: Some(action),
                answer: Content::Type(format!("{META}.WatchEvent")),
                produces: Media::Streams,
                ..self.plain("get", id, parameters)
            };
            Path {
                path: format!("{}/watch{place}/{}{name}", self.prefix, def.plural),
                operations: vec![operation],
            }
        };
        let mut paths = Vec::new();
        if def.is_namespaced() {
            let id = format!("watch{gv}{kind}ListForAllNamespaces");
            paths.push(watch("", "", id, "watchlist"));
        }
        let id = format!("watch{gv}{own}{kind}List");
        paths.push(watch(self.place(), "", id, "watchlist"));
        let id = format!("watch{gv}{own}{kind}");
        paths.push(watch(self.place(), "/{name}", id, "watch"));
        paths
    }

    /// An operation with everything but what it does.
    fn plain(&self, method: &'static str, id: String, mut parameters: Vec<Parameter>) -> Operation {
        parameters.sort_by_key(|parameter| (parameter.name, !parameter.in_path));
        let def = self.def;
        Operation {
            method,
            id,
            tag: format!("{}_{}", tag(&def.group), def.version),
            action: None,
            kind: Some([&def.group, &def.version, &def.kind].map(ToString::to_string)),
            parameters,
            body: None,
            consumes: Media::Any,
            produces: Media::Objects,
            answer: Content::Type(self.schema.to_owned()),
            codes: &[200],
        }
    }

    /// An operation on the objects, or on a subresource that is like an object.
    fn operation(&self, verb: Verb, sub: Option<&Subresource>) -> Option<Operation> {
        let def = self.def;
        let (method, word, action) = match verb {
            Verb::Create => ("post", "create", "post"),
            Verb::Delete => ("delete", "delete", "delete"),
            Verb::DeleteCollection => ("delete", "delete", "deletecollection"),
            Verb::Get => ("get", "read", "get"),
            Verb::List => ("get", "list", "list"),
            Verb::Patch => ("patch", "patch", "patch"),
            Verb::Update => ("put", "replace", "put"),
            Verb::Watch => return None,
        };
        let of = match verb {
            Verb::DeleteCollection => "Collection",
            _ => "",
        };
        let id = format!(
            "{word}{}{of}{}{}{}",
            self.group_version,
            self.namespaced(),
            def.kind,
            sub.map(|sub| pascal(&sub.name)).unwrap_or_default()
        );
        let mut parameters = vec![PRETTY];
        parameters.extend(def.is_namespaced().then_some(NAMESPACE));
        let one = !matches!(verb, Verb::Create | Verb::List | Verb::DeleteCollection);
        parameters.extend((one || sub.is_some()).then_some(NAME));
        parameters.extend_from_slice(parameters_of(verb));
        let mut operation = self.plain(method, id, parameters);
        operation.action = Some(action);
        let mut schema = self.schema.to_owned();
        if let Some((group, version, kind)) = sub.and_then(|sub| sub.body.as_ref()) {
            operation.kind = Some([group, version, kind].map(ToString::to_string));
            schema = name_of(group, version, kind)?.to_owned();
        }
        operation.codes = codes_of(verb);
        operation.body = match verb {
            Verb::Create | Verb::Update => Some((schema.clone(), true)),
            Verb::Patch => Some((format!("{META}.Patch"), true)),
            Verb::Delete | Verb::DeleteCollection => Some((format!("{META}.DeleteOptions"), false)),
            _ => None,
        };
        if verb == Verb::Patch {
            operation.consumes = Media::Patches;
        }
        if verb == Verb::List {
            operation.produces = Media::Streams;
        }
        operation.answer = Content::Type(match verb {
            Verb::List => format!("{schema}List"),
            Verb::DeleteCollection => format!("{META}.Status"),
            Verb::Delete if !def.returns_deleted => format!("{META}.Status"),
            _ => schema,
        });
        Some(operation)
    }

    fn sub(&self, sub: &Subresource) -> Vec<Path> {
        use SubresourceKind::{Attach, Exec, Log, PortForward, Proxy};
        let own: &[Parameter] = match sub.kind {
            Log => return vec![self.log(sub)],
            Attach => ATTACH,
            Exec => EXEC,
            PortForward => PORT_FORWARD,
            Proxy => &[PROXIED],
            _ => {
                let verbs = sub.verbs.iter();
                return vec![Path {
                    path: self.sub_path(sub),
                    operations: verbs
                        .filter_map(|verb| self.operation(*verb, Some(sub)))
                        .collect(),
                }];
            }
        };
        let mut paths = vec![self.connect(sub, own, false)];
        if sub.kind == Proxy {
            paths.push(self.connect(sub, &[REST, PROXIED], true));
        }
        paths
    }

    fn sub_path(&self, sub: &Subresource) -> String {
        let def = self.def;
        let place = self.place();
        format!(
            "{}{place}/{}/{{name}}/{}",
            self.prefix, def.plural, sub.name
        )
    }

    fn sub_parameters(&self, own: &[Parameter]) -> Vec<Parameter> {
        let namespace = self.def.is_namespaced().then_some(NAMESPACE);
        [NAME]
            .into_iter()
            .chain(namespace)
            .chain(own.iter().copied())
            .collect()
    }

    fn log(&self, sub: &Subresource) -> Path {
        let id = format!(
            "read{}{}{}Log",
            self.group_version,
            self.namespaced(),
            self.def.kind
        );
        let operation = Operation {
            action: Some("get"),
            answer: Content::Text,
            produces: Media::Log,
            ..self.plain("get", id, self.sub_parameters(LOG))
        };
        Path {
            path: self.sub_path(sub),
            operations: vec![operation],
        }
    }

    /// A stream, or what is forwarded.
    fn connect(&self, sub: &Subresource, own: &[Parameter], with_path: bool) -> Path {
        let methods: &[&'static str] = if sub.kind == SubresourceKind::Proxy {
            &["delete", "get", "head", "options", "patch", "post", "put"]
        } else {
            &["get", "post"]
        };
        let end = if with_path { "WithPath" } else { "" };
        let make = |method: &'static str| {
            let id = format!(
                "connect{}{}{}{}{}{end}",
                self.group_version,
                pascal(method),
                self.namespaced(),
                self.def.kind,
                pascal(&sub.name)
            );
            let mut operation = self.plain(method, id, self.sub_parameters(own));
            operation.action = Some("connect");
            operation.answer = Content::Text;
            operation.produces = Media::Any;
            if let Some((group, version, kind)) = &sub.body {
                operation.kind = Some([group, version, kind].map(ToString::to_string));
            }
            operation
        };
        let rest = if with_path { "/{path}" } else { "" };
        Path {
            path: self.sub_path(sub) + rest,
            operations: methods.iter().map(|method| make(method)).collect(),
        }
    }
}

/// What an operation can be told beside what it is about.
fn parameters_of(verb: Verb) -> &'static [Parameter] {
    match verb {
        Verb::Create | Verb::Update => WRITE,
        Verb::Patch => PATCH,
        Verb::Delete => DELETE,
        Verb::DeleteCollection => DELETE_COLLECTION,
        Verb::List => LIST,
        Verb::Get | Verb::Watch => &[],
    }
}

fn codes_of(verb: Verb) -> &'static [u16] {
    match verb {
        Verb::Create => &[200, 201, 202],
        Verb::Update | Verb::Patch => &[200, 201],
        Verb::Delete => &[200, 202],
        _ => &[200],
    }
}
