//! The resources that this server serves: the table, with what the pipeline keeps beside each row.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use navarch_api::def::{ResourceDef, Verb};
use navarch_api::schema::schema;
use navarch_api::table::Table;
use navarch_machinery::object::{Object, Typed, downcast};
use navarch_machinery::schema::TypeId;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Entry, Snapshot};

use crate::encode::scan;

/// One resource, as served.
pub(crate) struct Served {
    pub(crate) def: Arc<ResourceDef>,
    /// `apps/v1`.
    pub(crate) api_version: String,
    /// What every encoded object of it begins with: `{"apiVersion":"apps/v1","kind":"Deployment",`.
    pub(crate) head: String,
    /// The resource whose objects are stored where that is another one.
    pub(crate) storage: Option<Arc<Served>>,
    /// Its type. `None`: the table of types does not have it, and nobody is told who owns its fields.
    pub(crate) ty: Option<TypeId>,
    /// The store's prefix of all its objects.
    pub(crate) prefix: String,
    /// The watches of parts of this process.
    followers: AtomicUsize,
}

/// An object of a stored kind, or why the bytes are none.
type Decoded = std::result::Result<Arc<dyn Object>, String>;

/// A part of this process that follows a resource for as long as this lives.
pub(crate) struct Follower(Arc<Served>);

impl Follower {
    pub(crate) fn new(served: &Arc<Served>) -> Self {
        served.followers.fetch_add(1, Ordering::Relaxed);
        Self(served.clone())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Served {
    fn new(def: Arc<ResourceDef>, storage: Option<Arc<Served>>) -> Self {
        let api_version = def.api_version();
        Self {
            head: format!("{{\"apiVersion\":{api_version:?},\"kind\":{:?},", def.kind),
            prefix: def.prefix(None),
            api_version,
            storage,
            ty: schema().kind(&def.group, &def.version, &def.kind),
            def,
            followers: AtomicUsize::new(0),
        }
    }

    /// The group in which its objects are checked: that of the kind they are stored as.
    pub(crate) fn checked_group(&self) -> &str {
        let checked = self.storage.as_deref().unwrap_or(self);
        &checked.def.group
    }

    /// Whether its objects can be looked at, and so have a table.
    pub(crate) fn has_table(&self) -> bool {
        self.def.verbs.iter().any(|verb| *verb != Verb::Create)
    }

    /// Whether its objects can be written as protobuf: the kinds of the release can, others cannot.
    pub(crate) fn in_protobuf(&self) -> bool {
        let def = &self.def;
        let ty = schema().kind(&def.group, &def.version, &def.kind);
        ty.is_some()
    }

    /// What Kubernetes calls the list of kinds that this one is in, as messages name it: a server of its own keeps each.
    pub(crate) fn scheme(&self) -> &'static str {
        match &*self.def.group {
            "apiregistration.k8s.io" => "pkg/apiserver/scheme/scheme.go:28",
            "apiextensions.k8s.io" => "pkg/apiserver/apiserver.go:55",
            _ => "pkg/api/legacyscheme/scheme.go:30",
        }
    }

    /// The key of an object; `namespace` is empty in cluster scope.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> String {
        let mut key = String::with_capacity(self.prefix.len() + namespace.len() + 1 + name.len());
        key.push_str(&self.prefix);
        if self.def.is_namespaced() {
            key.push_str(namespace);
            key.push('/');
        }
        key.push_str(name);
        key
    }

    /// The prefix of what a list or a watch reads; an empty `namespace` is all of them.
    pub(crate) fn scope_prefix(&self, namespace: &str) -> String {
        if namespace.is_empty() || !self.def.is_namespaced() {
            self.prefix.clone()
        } else {
            format!("{}{namespace}/", self.prefix)
        }
    }

    /// The object of an entry, for a look at it.
    pub(crate) fn decode(&self, entry: &Entry) -> Result<Arc<dyn Object>> {
        self.object(entry, |stored| {
            let shared = entry.held();
            let shared = shared.and_then(|shared| stored.def.strategy.share(shared));
            shared.map_or_else(|| stored.decode_bytes(&entry.value), Ok)
        })
    }

    /// The object of an entry, for those who keep it: decoded at most once while anybody does.
    pub(crate) fn share(&self, entry: &Entry) -> Result<Arc<dyn Object>> {
        self.object(entry, |stored| stored.decode_shared(entry))
    }

    fn object(
        &self,
        entry: &Entry,
        stored: impl FnOnce(&Self) -> Decoded,
    ) -> Result<Arc<dyn Object>> {
        let kind = self.storage.as_deref().unwrap_or(self);
        let object = stored(kind)
            .map_err(|error| StatusError::internal(format!("{}: {error}", entry.key)))?;
        if self.storage.is_none() {
            return Ok(object);
        }
        let converted = self.def.strategy.from_storage_kind(&*object);
        converted.map(Arc::from).ok_or_else(|| {
            StatusError::internal(format!("{} cannot be read as {:?}", entry.key, self.def))
        })
    }

    fn decode_shared(&self, entry: &Entry) -> Decoded {
        let mut fresh = None;
        let shared = entry.decoded::<String>(|bytes| {
            let object = self.decode_bytes(bytes)?;
            fresh = Some(object.clone());
            Ok::<_, String>(object.into_any())
        });
        match (shared?, fresh) {
            (_, Some(object)) => Ok(object),
            (shared, None) => match self.def.strategy.share(shared) {
                Some(object) => Ok(object),
                None => self.decode_bytes(&entry.value),
            },
        }
    }

    /// Nobody in this process looks at managed fields but the writes, and they read them where they are: decoded, they would
    /// be larger than many an object.
    fn decode_bytes(&self, json: &[u8]) -> Decoded {
        let json = scan::without_managed_fields(json);
        self.def.strategy.decode_stored(&json)
    }

    /// All its objects at a moment, where they are of this type; those of one namespace unless that is empty.
    pub(crate) fn all<T: Typed>(
        &self,
        snapshot: &dyn Snapshot,
        namespace: &str,
    ) -> Result<Vec<Arc<T>>> {
        let (mut all, mut failed) = (Vec::new(), None);
        let prefix = self.scope_prefix(namespace);
        snapshot.scan(&prefix, None, &mut |entry| match self.decode(entry) {
            Ok(object) => {
                all.extend(downcast::<T>(object));
                true
            }
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        failed.map_or(Ok(all), Err)
    }

    /// Keeps an object that was just written as the decoded form of its entry, if a part of this process will want it.
    pub(crate) fn remember(&self, entry: &Entry, object: &Arc<dyn Object>) {
        if self.followers.load(Ordering::Relaxed) == 0 {
            return;
        }
        let _ = entry.decoded(|_| Ok::<_, ()>(object.clone().into_any()));
    }

    /// A 404 for one of its objects.
    pub(crate) fn not_found(&self, name: &str) -> StatusError {
        StatusError::not_found(&self.def.group, &self.def.plural, name)
    }
}

type Versions = HashMap<Box<str>, HashMap<Box<str>, Arc<Served>>>;

/// All resources, by address.
pub(crate) struct Directory {
    pub(crate) table: Table,
    /// The scale of whatever has one: it has no address of its own.
    pub(crate) scale: Arc<Served>,
    /// What is asked of a pod's eviction.
    pub(crate) eviction: Arc<Served>,
    /// What is asked of a service account's token.
    pub(crate) token_request: Arc<Served>,
    groups: HashMap<Box<str>, Versions>,
}

impl Directory {
    pub(crate) fn new(table: Table) -> Self {
        let mut groups: HashMap<Box<str>, Versions> = HashMap::new();
        for def in table.rows() {
            let own = (&def.storage.group, &def.storage.version) == (&def.group, &def.version);
            let bucket = &def.storage.bucket;
            let stored = || {
                table.rows().find(|row| {
                    (&row.group, &row.version, &row.storage.bucket)
                        == (&def.storage.group, &def.storage.version, bucket)
                })
            };
            let storage = if own {
                None
            } else {
                stored().map(|row| Arc::new(Served::new(row.clone(), None)))
            };
            let served = Arc::new(Served::new(def.clone(), storage));
            let versions = groups.entry(def.group.as_ref().into()).or_default();
            versions
                .entry(def.version.as_ref().into())
                .or_default()
                .insert(def.plural.as_ref().into(), served);
        }
        let body = |row| Arc::new(Served::new(Arc::new(row), None));
        Self {
            table,
            scale: body(Table::scale()),
            eviction: body(Table::eviction()),
            token_request: body(Table::token_request()),
            groups,
        }
    }

    /// The resource of an address.
    pub(crate) fn find(&self, group: &str, version: &str, resource: &str) -> Option<&Arc<Served>> {
        self.groups.get(group)?.get(version)?.get(resource)
    }

    /// The resource of a built-in type.
    pub(crate) fn of<T: k8s_openapi::Resource>(&self) -> Option<&Arc<Served>> {
        self.find(T::GROUP, T::VERSION, T::URL_PATH_SEGMENT)
    }

    /// Whether there is such a group.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }
}
