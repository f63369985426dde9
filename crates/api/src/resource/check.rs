//! Lists and maps with limits.

use std::collections::BTreeMap;

use navarch_machinery::field::{Error, ErrorList, Path, Shown};

/// Checks the members of a list, unless there are too many of them. Answers whether there are not.
pub(super) fn list<T>(
    errors: &mut ErrorList,
    path: &Path,
    members: &[T],
    max: usize,
    mut check: impl FnMut(&mut ErrorList, &Path, &T),
) -> bool {
    if members.len() > max {
        errors.push(Error::too_many(path, members.len(), max));
        return false;
    }
    for (at, member) in members.iter().enumerate() {
        check(errors, &path.index(at), member);
    }
    true
}

/// As [`list`], and no two members have the same key.
pub(super) fn set<T, K: PartialEq + Shown>(
    errors: &mut ErrorList,
    path: &Path,
    members: &[T],
    max: usize,
    key: impl Fn(&T) -> K,
    check: impl FnMut(&mut ErrorList, &Path, &T),
) {
    if list(errors, path, members, max, check) {
        unique(errors, path, members, key);
    }
}

/// No two members have the same key.
pub(super) fn unique<T, K: PartialEq + Shown>(
    errors: &mut ErrorList,
    path: &Path,
    members: &[T],
    key: impl Fn(&T) -> K,
) {
    let keys: Vec<K> = members.iter().map(key).collect();
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].contains(key) {
            errors.push(Error::duplicate(&path.index(at), key));
        }
    }
}

/// Checks the entries of a map, unless there are too many of them: keys at the map, values at their keys, which are shortened
/// where they are long.
pub(super) fn map<T>(
    errors: &mut ErrorList,
    path: &Path,
    entries: &BTreeMap<String, T>,
    (max, longest): (usize, usize),
    check_key: impl Fn(&mut ErrorList, &Path, &str),
    mut check: impl FnMut(&mut ErrorList, &Path, &T),
) {
    if entries.len() > max {
        errors.push(Error::too_many(path, entries.len(), max));
        return;
    }
    for (key, value) in entries {
        check_key(errors, path, key);
        check(errors, &path.key(&shortened(key, longest)), value);
    }
}

/// A text without its middle where it is longer than `longest` bytes.
fn shortened(text: &str, longest: usize) -> String {
    const DOTS: &str = "...";
    const LEAST: usize = 16;
    let longest = longest.max(LEAST);
    if text.len() <= longest {
        return text.to_owned();
    }
    let kept = longest - DOTS.len();
    let (head, tail) = (
        text.floor_char_boundary(kept.div_ceil(2)),
        text.ceil_char_boundary(text.len() - kept / 2),
    );
    format!("{}{DOTS}{}", &text[..head], &text[tail..])
}
