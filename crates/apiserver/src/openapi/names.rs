//! What OpenAPI calls groups: a part of the operations' names, and tags.

/// `CoreV1` has `Core`, `RbacAuthorizationV1` has `RbacAuthorization`.
pub(super) fn of_group(group: &str) -> String {
    words(group).map(pascal).collect()
}

/// `core`, `rbacAuthorization`.
pub(super) fn tag(group: &str) -> String {
    let mut words = words(group);
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |tag, word| tag + &pascal(word))
}

fn words(group: &str) -> impl Iterator<Item = &str> {
    let group = if group.is_empty() { "core" } else { group };
    group.strip_suffix(".k8s.io").unwrap_or(group).split('.')
}

/// With a capital letter.
pub(super) fn pascal(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
