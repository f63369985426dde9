//! What a resource is: one row.

use std::borrow::Cow;
use std::sync::Arc;

use crate::strategy::Strategy;

/// Text of a row: static in the built-in table, owned in what a custom resource definition makes at run time.
pub type Text = Cow<'static, str>;

/// Whether objects of a resource live in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In none.
    Cluster,
}

/// What can be done with a resource, in the words of discovery and RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Makes one.
    Create,
    /// Removes one.
    Delete,
    /// Removes all that a selector matches.
    DeleteCollection,
    /// Reads one.
    Get,
    /// Reads many.
    List,
    /// Changes parts of one.
    Patch,
    /// Replaces one.
    Update,
    /// Follows changes.
    Watch,
}

impl Verb {
    /// All verbs of an ordinary resource, in the order of discovery.
    pub const ALL: &'static [Verb] = &[
        Verb::Create,
        Verb::Delete,
        Verb::DeleteCollection,
        Verb::Get,
        Verb::List,
        Verb::Patch,
        Verb::Update,
        Verb::Watch,
    ];

    /// As RBAC spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
        }
    }
}

/// A part of an object with an address of its own.
#[derive(Debug, Clone)]
pub struct Subresource {
    /// As in the path: `status`.
    pub name: Text,
    /// What it is, which says who serves it.
    pub kind: SubresourceKind,
    /// The verbs, in the order of discovery.
    pub verbs: Vec<Verb>,
    /// Group, version and kind of its body where they are not the resource's own: `("autoscaling", "v1", "Scale")`.
    pub body: Option<(Text, Text, Text)>,
}

/// What a subresource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubresourceKind {
    /// The whole object, of which only the status (and what the strategy says) is written.
    Status,
    /// `autoscaling/v1` Scale.
    Scale,
    /// A `Binding` that puts a pod on a node.
    Binding,
    /// `policy/v1` Eviction.
    Eviction,
    /// A token request.
    Token,
    /// Ephemeral containers of a pod.
    EphemeralContainers,
    /// Resources of a running pod.
    Resize,
    /// Finalizers of a namespace.
    Finalize,
    /// Whether a certificate signing request is granted.
    Approval,
    /// The log of a container: a stream from the node.
    Log,
    /// A stream to the node that is upgraded: exec.
    Exec,
    /// A stream to the node that is upgraded: attach.
    Attach,
    /// A stream to the node that is upgraded: port-forward.
    PortForward,
    /// Forwards HTTP to the object.
    Proxy,
}

/// A column of a resource's table, as `kubectl get` shows it.
#[derive(Debug, Clone)]
pub struct Column {
    /// The head.
    pub name: Text,
    /// `string`, `integer`, `date`.
    pub kind: Text,
    /// `name` or empty.
    pub format: Text,
    /// What it shows, as Kubernetes tells it: it is part of the answer.
    pub description: Text,
    /// 0: always shown; 1: with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A column of the built-in table.
    pub const fn of(
        name: &'static str,
        kind: &'static str,
        format: &'static str,
        priority: i32,
        description: &'static str,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind: Cow::Borrowed(kind),
            format: Cow::Borrowed(format),
            description: Cow::Borrowed(description),
            priority,
        }
    }
}

/// Where the objects of a resource are kept when that is not its own address: `events` of `events.k8s.io` are kept as core events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The group whose version is stored.
    pub group: Text,
    /// The stored version.
    pub version: Text,
    /// The bucket in the store.
    pub bucket: Text,
}

/// Who answers for a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The store, which keeps its objects.
    Store,
    /// Whoever can tell: its objects are questions, which are answered when they are created, and forgotten.
    Question(Question),
    /// A pod, which a created Binding puts on a node.
    Binding,
    /// The parts of the control plane, looked at when somebody asks.
    Components,
}

/// What a review asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Who am I?
    Oneself,
    /// Whose token is this?
    Token,
    /// May somebody do this?
    Access,
    /// May somebody do this in this namespace?
    AccessHere,
    /// May I do this?
    OwnAccess,
    /// What may I do?
    OwnRules,
}

/// What is done for a resource beside keeping its objects, and needs more than its strategy knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Nothing.
    None,
    /// Its objects are namespaces: deleted in two steps, by the finalizers in their spec.
    Namespace,
    /// They get addresses and ports.
    Service,
    /// They are told whether their priority level is there.
    FlowSchema,
}

/// The only statement of a resource. Routes, discovery, OpenAPI, storage keys, tables and authorization derive from it.
#[derive(Clone)]
pub struct ResourceDef {
    /// `apps`; empty: the core group.
    pub group: Text,
    /// `v1`.
    pub version: Text,
    /// `Deployment`.
    pub kind: Text,
    /// `DeploymentList`.
    pub list_kind: Text,
    /// `deployments`.
    pub plural: Text,
    /// `deployment`.
    pub singular: Text,
    /// `deploy`.
    pub short_names: Vec<Text>,
    /// `all`.
    pub categories: Vec<Text>,
    /// Its scope.
    pub scope: Scope,
    /// Its verbs, in the order of discovery.
    pub verbs: Vec<Verb>,
    /// Its subresources.
    pub subresources: Vec<Subresource>,
    /// Where and as what its objects are stored.
    pub storage: Storage,
    /// The columns of its table; cells come from the strategy.
    pub columns: Vec<Column>,
    /// Fields that a field selector may name beside `metadata.name` and `metadata.namespace`.
    pub selectable_fields: Vec<Text>,
    /// Who answers for it.
    pub source: Source,
    /// What is done for it beside.
    pub special: Special,
    /// What every answer warns of, where Kubernetes calls the resource deprecated.
    pub deprecation: Option<Text>,
    /// Whether a deletion is answered with what was deleted, instead of a Status.
    pub returns_deleted: bool,
    /// The directory that Kubernetes keeps its objects in, which messages name: often the plural.
    pub directory: Text,
    /// How a field that it does not select by is refused, where Kubernetes has words of its own for the kind; `{}` is the field.
    pub unknown_field: Option<Text>,
    /// Annotations in which this version carries fields that it does not have: they are shown with the whole object, and are no part of
    /// its metadata alone.
    pub carrying_annotations: Vec<Text>,
    /// Whether the garbage collector looks after what depends on its objects: a deletion may then wait for it.
    pub collected: bool,
    /// Whether Kubernetes keeps its newest state in memory: then a page that may be of any age is a whole list.
    pub cached: bool,
    /// What is particular about its objects.
    pub strategy: Arc<dyn Strategy>,
}

impl ResourceDef {
    /// `apps/v1`, or `v1` in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether its objects live in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// The subresource of this name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// The store's prefix of all objects, or of those in a namespace: `deployments.apps/` or `deployments.apps/default/`.
    pub fn prefix(&self, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => format!("{}/{namespace}/", self.storage.bucket),
            None => format!("{}/", self.storage.bucket),
        }
    }

    /// The store's key of an object. The namespace is left out in cluster scope.
    pub fn key(&self, namespace: Option<&str>, name: &str) -> String {
        format!(
            "{}{name}",
            self.prefix(namespace.filter(|_| self.is_namespaced()))
        )
    }
}

impl std::fmt::Debug for ResourceDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}/{}", self.plural, self.group, self.version)
    }
}
