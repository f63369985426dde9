//! How a row of the built-in table is written: what the type says of itself, and then what it does not.

use std::sync::Arc;

use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope, SubResourceScope};

use crate::def::{
    Question, ResourceDef, Scope, Source, Special, Storage, Subresource, SubresourceKind, Text,
    Verb,
};
use crate::strategy::{Hooks, TypedStrategy};

/// The scope of a type, as a value.
pub(crate) trait Scoped {
    const SCOPE: Scope;
}

impl Scoped for NamespaceResourceScope {
    const SCOPE: Scope = Scope::Namespaced;
}

impl Scoped for ClusterResourceScope {
    const SCOPE: Scope = Scope::Cluster;
}

// Of the kinds that are bodies of subresources those that are asked for belong to objects in namespaces.
impl Scoped for SubResourceScope {
    const SCOPE: Scope = Scope::Namespaced;
}

const READ_AND_WRITE: &[Verb] = &[Verb::Get, Verb::Patch, Verb::Update];
const FORWARDED: &[Verb] = &[
    Verb::Create,
    Verb::Delete,
    Verb::Get,
    Verb::Patch,
    Verb::Update,
];
const CONNECTED: &[Verb] = &[Verb::Create, Verb::Get];

/// A row in the making.
pub(crate) struct Row(ResourceDef);

impl Row {
    /// The row of `T`: all verbs, no subresources, stored as itself.
    pub(crate) fn of<T: Hooks>() -> Self
    where
        T::Scope: Scoped,
    {
        let plural = Text::Borrowed(T::URL_PATH_SEGMENT);
        let bucket = if T::GROUP.is_empty() {
            plural.clone()
        } else {
            format!("{plural}.{}", T::GROUP).into()
        };
        Self(ResourceDef {
            group: T::GROUP.into(),
            version: T::VERSION.into(),
            kind: T::KIND.into(),
            list_kind: format!("{}List", T::KIND).into(),
            singular: T::KIND.to_lowercase().into(),
            plural,
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: T::Scope::SCOPE,
            verbs: Verb::ALL.to_vec(),
            subresources: Vec::new(),
            storage: Storage {
                group: T::GROUP.into(),
                version: T::VERSION.into(),
                bucket,
            },
            columns: T::COLUMNS.to_vec(),
            selectable_fields: T::FIELDS.iter().map(|&field| field.into()).collect(),
            source: Source::Store,
            special: Special::None,
            deprecation: None,
            returns_deleted: false,
            directory: T::URL_PATH_SEGMENT.into(),
            unknown_field: None,
            carrying_annotations: Vec::new(),
            collected: true,
            cached: true,
            strategy: Arc::new(TypedStrategy::<T>::new(
                T::Scope::SCOPE == Scope::Namespaced,
            )),
        })
    }

    pub(crate) fn short(mut self, name: &'static str) -> Self {
        self.0.short_names.push(name.into());
        self
    }

    pub(crate) fn category(mut self, name: &'static str) -> Self {
        self.0.categories.push(name.into());
        self
    }

    pub(crate) fn verbs(mut self, verbs: &[Verb]) -> Self {
        self.0.verbs = verbs.to_vec();
        self
    }

    /// Its objects are questions.
    pub(crate) fn asks(self, question: Question) -> Self {
        self.from(Source::Question(question), &[Verb::Create])
    }

    /// Its objects are not in the store.
    pub(crate) fn from(mut self, source: Source, verbs: &[Verb]) -> Self {
        self.0.source = source;
        self.verbs(verbs)
    }

    pub(crate) fn special(mut self, special: Special) -> Self {
        self.0.special = special;
        self
    }

    pub(crate) fn deprecated(mut self, warning: &'static str) -> Self {
        self.0.deprecation = Some(warning.into());
        self
    }

    pub(crate) fn returns_deleted(mut self) -> Self {
        self.0.returns_deleted = true;
        self
    }

    pub(crate) fn directory(mut self, directory: &'static str) -> Self {
        self.0.directory = directory.into();
        self
    }

    /// These annotations carry what this version has no fields for.
    pub(crate) fn carrying(mut self, annotations: &[&'static str]) -> Self {
        self.0.carrying_annotations = annotations.iter().map(|&name| name.into()).collect();
        self
    }

    pub(crate) fn unknown_field(mut self, words: &'static str) -> Self {
        self.0.unknown_field = Some(words.into());
        self
    }

    pub(crate) fn not_collected(mut self) -> Self {
        self.0.collected = false;
        self
    }

    pub(crate) fn not_cached(mut self) -> Self {
        self.0.cached = false;
        self
    }

    pub(crate) fn stored_as<T: k8s_openapi::Resource>(mut self) -> Self {
        let bucket = if T::GROUP.is_empty() {
            T::URL_PATH_SEGMENT.into()
        } else {
            format!("{}.{}", T::URL_PATH_SEGMENT, T::GROUP).into()
        };
        self.0.storage = Storage {
            group: T::GROUP.into(),
            version: T::VERSION.into(),
            bucket,
        };
        self
    }

    fn sub(mut self, name: &'static str, kind: SubresourceKind, verbs: &[Verb]) -> Self {
        self.0.subresources.push(Subresource {
            name: name.into(),
            kind,
            verbs: verbs.to_vec(),
            body: None,
        });
        self
    }

    fn sub_of(
        mut self,
        name: &'static str,
        kind: SubresourceKind,
        verbs: &[Verb],
        body: (&'static str, &'static str, &'static str),
    ) -> Self {
        let body = Some((body.0.into(), body.1.into(), body.2.into()));
        self.0.subresources.push(Subresource {
            name: name.into(),
            kind,
            verbs: verbs.to_vec(),
            body,
        });
        self
    }

    pub(crate) fn status(self) -> Self {
        self.sub("status", SubresourceKind::Status, READ_AND_WRITE)
    }

    pub(crate) fn scale(self) -> Self {
        self.sub_of(
            "scale",
            SubresourceKind::Scale,
            READ_AND_WRITE,
            ("autoscaling", "v1", "Scale"),
        )
    }

    pub(crate) fn finalize(self) -> Self {
        self.sub("finalize", SubresourceKind::Finalize, &[Verb::Update])
    }

    pub(crate) fn approval(self) -> Self {
        self.sub("approval", SubresourceKind::Approval, READ_AND_WRITE)
    }

    pub(crate) fn token(self) -> Self {
        let body = ("authentication.k8s.io", "v1", "TokenRequest");
        self.sub_of("token", SubresourceKind::Token, &[Verb::Create], body)
    }

    pub(crate) fn binding(self) -> Self {
        self.sub_of(
            "binding",
            SubresourceKind::Binding,
            &[Verb::Create],
            ("", "v1", "Binding"),
        )
    }

    pub(crate) fn eviction(self) -> Self {
        self.sub_of(
            "eviction",
            SubresourceKind::Eviction,
            &[Verb::Create],
            ("policy", "v1", "Eviction"),
        )
    }

    pub(crate) fn ephemeral_containers(self) -> Self {
        self.sub(
            "ephemeralcontainers",
            SubresourceKind::EphemeralContainers,
            READ_AND_WRITE,
        )
    }

    pub(crate) fn resize(self) -> Self {
        self.sub("resize", SubresourceKind::Resize, READ_AND_WRITE)
    }

    pub(crate) fn log(self) -> Self {
        self.sub("log", SubresourceKind::Log, &[Verb::Get])
    }

    pub(crate) fn exec(self) -> Self {
        self.sub_of(
            "exec",
            SubresourceKind::Exec,
            CONNECTED,
            ("", "v1", "PodExecOptions"),
        )
    }

    pub(crate) fn attach(self) -> Self {
        self.sub_of(
            "attach",
            SubresourceKind::Attach,
            CONNECTED,
            ("", "v1", "PodAttachOptions"),
        )
    }

    pub(crate) fn port_forward(self) -> Self {
        self.sub_of(
            "portforward",
            SubresourceKind::PortForward,
            CONNECTED,
            ("", "v1", "PodPortForwardOptions"),
        )
    }

    /// `options`: the kind that stands for its query, as `PodProxyOptions`.
    pub(crate) fn proxy(self, options: &'static str) -> Self {
        self.sub_of(
            "proxy",
            SubresourceKind::Proxy,
            FORWARDED,
            ("", "v1", options),
        )
    }

    pub(crate) fn done(mut self) -> ResourceDef {
        self.0.subresources.sort_by(|a, b| a.name.cmp(&b.name));
        self.0
    }
}
