//! A binding: whose a role is, and where.

use std::fmt;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, RoleRef, Subject};

use crate::UserInfo;

const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// Of which kind a role is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleKind {
    /// One that is in no namespace.
    ClusterRole,
    /// One of the binding's namespace.
    Role,
}

impl RoleKind {
    /// `None`: bindings have no roles of this kind.
    pub fn parse(kind: &str) -> Option<Self> {
        match kind {
            "ClusterRole" => Some(Self::ClusterRole),
            "Role" => Some(Self::Role),
            _ => None,
        }
    }

    /// As it is written in a `roleRef`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterRole => "ClusterRole",
            Self::Role => "Role",
        }
    }
}

/// Somebody whom a binding names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingSubject {
    /// By their name.
    User(Box<str>),
    /// All members of a group.
    Group(Box<str>),
    /// A service account.
    Account {
        /// Its namespace.
        namespace: Box<str>,
        /// Its name.
        name: Box<str>,
        /// The name that it has as a user.
        user: Box<str>,
    },
    /// Nobody: of no kind that there is, or a service account of no namespace.
    Nobody,
}

/// A binding of either scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Empty: everywhere.
    pub namespace: Box<str>,
    /// The name.
    pub name: Box<str>,
    /// Of which kind the role is.
    pub role_kind: RoleKind,
    /// The role's name.
    pub role: Box<str>,
    /// Who has the role.
    pub subjects: Vec<BindingSubject>,
}

impl Binding {
    fn new(namespace: &str, name: &str, role: &RoleRef, subjects: &[Subject]) -> Option<Self> {
        let subject = |subject: &Subject| BindingSubject::of(subject, namespace);
        Some(Self {
            role_kind: RoleKind::parse(&role.kind)?,
            role: role.name.as_str().into(),
            subjects: subjects.iter().map(subject).collect(),
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// Of a binding for the whole cluster. `None`: its role is of no kind that there is, so it gives nothing.
    pub fn of_cluster(binding: &ClusterRoleBinding) -> Option<Self> {
        let name = binding.metadata.name.as_deref().unwrap_or_default();
        let subjects = binding.subjects.as_deref().unwrap_or_default();
        Self::new("", name, &binding.role_ref, subjects)
    }

    /// Of a binding in a namespace.
    pub fn of_namespace(binding: &RoleBinding) -> Option<Self> {
        let meta = &binding.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let name = meta.name.as_deref().unwrap_or_default();
        let subjects = binding.subjects.as_deref().unwrap_or_default();
        Self::new(namespace, name, &binding.role_ref, subjects)
    }

    /// The namespace of its role: empty if that is a cluster role.
    pub(super) fn role_namespace(&self) -> &str {
        match self.role_kind {
            RoleKind::ClusterRole => "",
            RoleKind::Role => &self.namespace,
        }
    }

    /// Which of its subjects somebody is: the first.
    pub(super) fn subject_of(&self, user: &UserInfo) -> Option<usize> {
        self.subjects.iter().position(|subject| subject.is(user))
    }

    /// In Kubernetes' words, as something that a subject has: `ClusterRoleBinding "b" of ClusterRole "r" to User "u"`.
    pub(crate) fn described(&self, subject: usize) -> impl fmt::Display {
        let binding = match &*self.namespace {
            "" => format!("ClusterRoleBinding {:?}", self.name),
            namespace => format!("RoleBinding {:?}", format!("{}/{namespace}", self.name)),
        };
        let subject = self.subjects.get(subject).map(ToString::to_string);
        let kind = self.role_kind.as_str();
        let subject = subject.unwrap_or_default();
        format!("{binding} of {kind} {:?} to {subject}", self.role)
    }
}

impl BindingSubject {
    fn of(subject: &Subject, binding_namespace: &str) -> Self {
        let name: Box<str> = subject.name.as_str().into();
        match subject.kind.as_str() {
            "User" => Self::User(name),
            "Group" => Self::Group(name),
            "ServiceAccount" => {
                let own = subject.namespace.as_deref();
                let own = own.filter(|namespace| !namespace.is_empty());
                let namespace = own.unwrap_or(binding_namespace);
                if namespace.is_empty() {
                    return Self::Nobody;
                }
                Self::Account {
                    user: format!("{ACCOUNT_PREFIX}{namespace}:{name}").into(),
                    namespace: namespace.into(),
                    name,
                }
            }
            _ => Self::Nobody,
        }
    }

    fn is(&self, user: &UserInfo) -> bool {
        match self {
            Self::User(name) | Self::Account { user: name, .. } => *user.name == **name,
            Self::Group(name) => user.in_group(name),
            Self::Nobody => false,
        }
    }
}

impl fmt::Display for BindingSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "User {name:?}"),
            Self::Group(name) => write!(f, "Group {name:?}"),
            Self::Account {
                namespace, name, ..
            } => write!(f, "ServiceAccount {:?}", format!("{name}/{namespace}")),
            Self::Nobody => Ok(()),
        }
    }
}
