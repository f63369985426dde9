//! The two kinds of writes, and what they do to the managers of an object.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::check::check;
use super::compare::{Diff, compare};
use super::conflict::{self, Conflicts};
use super::entry::Entry;
use super::managers::{BEFORE_APPLY, cap};
use super::merge::merge;
use super::ownership::ownership;
use super::place::Place;
use super::remove::{remove, with_fields};
use super::scope::Scope;
use super::set::Set;
use super::tree::{EMPTY, Tree};
use crate::schema::{TypeId, Types};

/// What belongs to the server, and therefore to nobody.
const STRIPPED: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "clusterName"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

/// Who writes what, and when.
#[derive(Debug, Clone, Copy)]
pub struct Write<'w> {
    /// The table of types.
    pub types: &'w Types,
    /// The type of the object.
    pub ty: TypeId,
    /// What of the object the write can reach.
    pub scope: Scope,
    /// Who writes.
    pub manager: &'w str,
    /// The version in which it writes: `apps/v1`.
    pub api_version: &'w str,
    /// Empty: the object itself.
    pub subresource: &'w str,
    /// In seconds, UTC: `2026-11-22T14:54:21Z`.
    pub now: &'w str,
}

/// What a write of the object changed, in the names of another version of the kind. `None`: there is no such version any more.
pub type OtherVersions<'d> = dyn Fn(&str, &Tree<'_>) -> Option<Diff<'static>> + 'd;

/// An object that was applied.
#[derive(Debug)]
pub struct Applied<'a> {
    /// What the object becomes.
    pub object: Tree<'a>,
    /// Who owns what of it.
    pub managers: Vec<Entry<'a>>,
}

/// Why an object cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// What was applied is not of the type. In Kubernetes' words.
    #[error("{0}")]
    Invalid(String),
    /// Others own what was applied.
    #[error(transparent)]
    Conflicts(#[from] Conflicts),
}

impl<'w> Write<'w> {
    fn place(&self) -> Place<'w> {
        Place::of(self.ty)
    }

    fn diff<'a>(&self, old: &'a Tree<'a>, new: &'a Tree<'a>) -> Diff<'a> {
        self.scope
            .of_diff(compare(self.types, self.place(), old, new))
    }

    fn entry<'a>(&self, applied: bool, fields: Set<'a>) -> Entry<'a>
    where
        'w: 'a,
    {
        Entry {
            manager: Cow::Borrowed(self.manager),
            applied,
            api_version: Cow::Borrowed(self.api_version),
            subresource: Cow::Borrowed(self.subresource),
            time: None,
            fields,
        }
    }
}

/// Whose the fields are after an update. `old` is `None` for a new object: one that is there and has no managers gets none.
pub fn update<'a, 'w: 'a>(
    write: &Write<'w>,
    old: Option<&'a Tree<'a>>,
    new: &'a Tree<'a>,
    mut managers: Vec<Entry<'a>>,
    others: &OtherVersions<'_>,
) -> Vec<Entry<'a>> {
    if managers.is_empty() && old.is_some() {
        return managers;
    }
    let diff = write.diff(old.unwrap_or(&EMPTY), new);
    if diff.is_empty() {
        return managers;
    }
    let diffs = Diffs::of(write, &managers, &diff, &|version| others(version, new));
    diffs.take_from(&mut managers);
    let own = stripped(diff.changed);
    if !own.is_empty() {
        let mut entry = write.entry(false, own);
        if let Some(at) = managers.iter().position(|other| other.is_same(&entry)) {
            entry.fields = entry.fields.union(managers.swap_remove(at).fields);
        }
        entry.time = Some(Cow::Borrowed(write.now));
        managers.push(entry);
    }
    cap(&mut managers);
    managers
}

/// What a write changed, in the names of every version in which somebody owns something.
struct Diffs<'d, 'a> {
    version: &'d str,
    own: &'d Diff<'a>,
    others: Vec<(String, Diff<'static>)>,
}

impl<'d, 'a> Diffs<'d, 'a> {
    fn of(
        write: &Write<'d>,
        managers: &[Entry<'_>],
        own: &'d Diff<'a>,
        find: &dyn Fn(&str) -> Option<Diff<'static>>,
    ) -> Self {
        let mut others: Vec<(String, Diff<'static>)> = Vec::new();
        for Entry { api_version, .. } in managers {
            let known = *api_version == write.api_version
                || others.iter().any(|(version, _)| version == api_version);
            // Costly: the object is brought into the other version and back.
            if !known && let Some(diff) = find(api_version) {
                others.push((api_version.to_string(), write.scope.of_diff(diff)));
            }
        }
        Self {
            version: write.api_version,
            own,
            others,
        }
    }

    fn get(&self, version: &str) -> Option<&Diff<'_>> {
        if version == self.version {
            return Some(self.own);
        }
        let found = self.others.iter().find(|(other, _)| other == version);
        found.map(|(_, diff)| diff)
    }

    /// What of a manager's fields was changed.
    fn changed<'e>(&self, entry: &Entry<'e>) -> Set<'e> {
        let diff = self.get(&entry.api_version);
        diff.map_or_else(Set::default, |diff| {
            entry.fields.intersection(&diff.changed)
        })
    }

    /// Takes what changed from everybody. Who is left with nothing is gone, as is who owns in a version that is no more.
    fn take_from(&self, managers: &mut Vec<Entry<'_>>) {
        managers.retain_mut(|entry| {
            let Some(diff) = self.get(&entry.api_version) else {
                return false;
            };
            let fields = std::mem::take(&mut entry.fields);
            entry.fields = fields.difference(&diff.changed).difference(&diff.removed);
            !entry.fields.is_empty()
        });
    }
}

fn stripped(fields: Set<'_>) -> Set<'_> {
    static STRIPPED_SET: LazyLock<Set<'static>> = LazyLock::new(|| {
        let paths = STRIPPED.iter().map(|path| Set::of_path(path));
        paths.fold(Set::default(), Set::union)
    });
    fields.difference(&STRIPPED_SET)
}

/// Applies an object, and says whose the fields are then. `live` is `None` where there is none yet.
///
/// # Errors
/// See [`ApplyError`]. With `force` there are no conflicts: others lose what they own.
pub fn apply<'a, 'w: 'a>(
    write: &Write<'w>,
    live: Option<&'a Tree<'a>>,
    applied: &'a Tree<'a>,
    managers: Vec<Entry<'a>>,
    force: bool,
    others: &OtherVersions<'_>,
) -> Result<Applied<'a>, ApplyError> {
    let (types, place) = (write.types, write.place());
    let errors = check(types, place, applied);
    if !errors.is_empty() {
        return Err(ApplyError::Invalid(joined(&errors)));
    }
    let mut managers = match live {
        Some(live) if managers.is_empty() => before(write, live),
        _ => managers,
    };
    let live = live.unwrap_or(&EMPTY);
    let mut object = merge(types, place, live.clone(), applied);
    let mut own = write.entry(true, write.scope.of(ownership(types, place, applied)));
    let last = managers.iter().position(|other| other.is_same(&own));
    let last = last.map(|at| managers.swap_remove(at));
    if let Some(last) = &last {
        own.time.clone_from(&last.time);
        give_up(write, &mut object, &last.fields, &own.fields, &managers);
    }
    if *live != object {
        let diff = write.diff(live, &object);
        let diffs = Diffs::of(write, &managers, &diff, &|version| others(version, &object));
        if !force {
            refuse_conflicts(&diffs, &managers)?;
        }
        diffs.take_from(&mut managers);
        own.time = Some(Cow::Borrowed(write.now));
    }
    own.fields = stripped(own.fields);
    if !own.fields.is_empty() {
        managers.push(own);
    }
    Ok(Applied { object, managers })
}

/// Everything that was there before anybody applied was somebody's.
fn before<'a, 'w: 'a>(write: &Write<'w>, live: &'a Tree<'a>) -> Vec<Entry<'a>> {
    let write = Write {
        manager: BEFORE_APPLY,
        ..*write
    };
    update(&write, None, live, Vec::new(), &|_, _| None)
}

/// Takes out of the object what its applier no longer wants and nobody else owns.
fn give_up(
    write: &Write<'_>,
    object: &mut Tree<'_>,
    last: &Set<'_>,
    own: &Set<'_>,
    others: &[Entry<'_>],
) {
    if last == own {
        return;
    }
    let (types, place) = (write.types, write.place());
    let own = with_fields(types, place, own.clone());
    let mut unwanted = with_fields(types, place, last.clone()).difference(&own);
    for other in others {
        if unwanted.is_empty() {
            return;
        }
        unwanted = unwanted.difference(&with_fields(types, place, other.fields.clone()));
    }
    remove(types, place, object, &unwanted);
}

fn refuse_conflicts(diffs: &Diffs<'_, '_>, managers: &[Entry<'_>]) -> Result<(), Conflicts> {
    let owned = managers.iter().map(|entry| (entry, diffs.changed(entry)));
    let owned: Vec<_> = owned.filter(|(_, fields)| !fields.is_empty()).collect();
    if owned.is_empty() {
        return Ok(());
    }
    Err(conflict::of_managers(&owned))
}

fn joined(errors: &[String]) -> String {
    match errors {
        [error] => error.clone(),
        errors => format!("errors:\n  {}", errors.join("\n  ")),
    }
}

/// Drops the conflicts over fields that are as the annotation of a client-side apply has them: they were the same client's.
/// `None`: there is no conflict left.
pub fn allowed_by_last_applied(
    write: &Write<'_>,
    live: &Tree<'_>,
    last_applied: &Tree<'_>,
    conflicts: Conflicts,
) -> Option<Conflicts> {
    let api_version = last_applied.get("apiVersion").and_then(Tree::as_str);
    let place = write.place();
    if api_version != Some(write.api_version) || !check(write.types, place, last_applied).is_empty()
    {
        return Some(conflicts);
    }
    let diff = compare(write.types, place, last_applied, live);
    let same = ownership(write.types, place, last_applied)
        .difference(&diff.changed)
        .difference(&diff.removed)
        .paths();
    let left = conflicts
        .0
        .into_iter()
        .filter(|conflict| !same.contains(&conflict.field));
    let left: Vec<_> = left.collect();
    (!left.is_empty()).then_some(Conflicts(left))
}
