//! The scale of an object is another view of one of its fields: who owns it there owns it in the object.

use std::borrow::Cow;

use super::entry::Entry;
use super::set::Set;

/// Where the replicas are in a scale, and in everything that is built in and has one.
const REPLICAS: &[&str] = &["spec", "replicas"];

/// The version of a scale.
const SCALE: &str = "autoscaling/v1";

/// The managers of an object's replicas, as managers of its scale. `versions`: those of the object.
pub fn to_scale<'a>(parent: &[Entry<'a>], versions: &[&str]) -> Vec<Entry<'a>> {
    let owns =
        |entry: &&Entry<'a>| versions.contains(&&*entry.api_version) && entry.fields.has(REPLICAS);
    let entry = |entry: &Entry<'a>| Entry {
        api_version: Cow::Borrowed(SCALE),
        fields: Set::of_path(REPLICAS),
        ..entry.clone()
    };
    parent.iter().filter(owns).map(entry).collect()
}

/// The managers of an object after its scale was written. `version`: the object's.
///
/// As in Kubernetes, who updated the scale has no time, and whoever owned the replicas by an update of the object owns them as a
/// manager of the scale from then on: versions differ, and so do managers that updated.
pub fn from_scale<'a>(
    parent: Vec<Entry<'a>>,
    mut scale: Vec<Entry<'a>>,
    versions: &[&str],
    version: &'a str,
) -> Vec<Entry<'a>> {
    let mut entries = Vec::with_capacity(parent.len() + 1);
    for mut entry in parent {
        if !versions.contains(&&*entry.api_version) {
            continue;
        }
        if entry.fields.has(REPLICAS) {
            let kept = scale.iter().position(|other| other.is_same(&entry));
            match kept {
                Some(at) => {
                    scale.remove(at);
                }
                None => entry.fields = entry.fields.difference(&Set::of_path(REPLICAS)),
            }
        }
        if !entry.fields.is_empty() {
            entries.push(entry);
        }
    }
    for entry in scale.into_iter().filter(|entry| entry.fields.has(REPLICAS)) {
        entries.push(Entry {
            api_version: Cow::Borrowed(version),
            time: None,
            fields: Set::of_path(REPLICAS),
            ..entry
        });
    }
    entries
}
