//! What both forms of discovery tell of a resource alike.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use navarch_api::def::{ResourceDef, Source, Subresource, Verb};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Verbs in the order of discovery.
pub(super) fn verbs(verbs: &[Verb]) -> Vec<&'static str> {
    verbs.iter().map(|verb| verb.as_str()).collect()
}

/// What clients tell by that the stored form has changed: eight bytes of a hash of its name.
pub(super) fn storage_version_hash(def: &ResourceDef) -> Option<String> {
    if def.source != Source::Store || !def.verbs.contains(&Verb::List) {
        return None;
    }
    let text = format!("{}/{}/{}", def.storage.group, def.storage.version, def.kind);
    Some(STANDARD.encode(&Sha256::digest(text.as_bytes())[..8]))
}

/// Group, version and kind of what a subresource takes and gives.
pub(super) fn body<'a>(def: &'a ResourceDef, sub: &'a Subresource) -> (&'a str, &'a str, &'a str) {
    match &sub.body {
        Some((group, version, kind)) => (group, version, kind),
        None => (&def.group, &def.version, &def.kind),
    }
}

/// A list of words, if there are any.
pub(super) fn words(words: &[navarch_api::def::Text]) -> Option<Value> {
    (!words.is_empty()).then(|| {
        Value::from(
            words
                .iter()
                .map(|word| word.to_string())
                .collect::<Vec<_>>(),
        )
    })
}
