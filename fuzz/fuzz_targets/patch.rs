//! Patches of all kinds on any object. A merge patch that is applied twice changes nothing more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use navarch_api::schema::schema;
use navarch_machinery::patch;
use serde_json::Value;

/// How a kind of patch, a document and the patch share the input: a byte, and two documents parted by this.
const PART: u8 = b'\n';

fuzz_target!(|bytes: &[u8]| {
    let [kind, rest @ ..] = bytes else { return };
    let Some(at) = rest.iter().position(|byte| *byte == PART) else {
        return;
    };
    let (document, change) = (&rest[..at], &rest[at + 1..]);
    let Ok(mut document) = serde_json::from_slice::<Value>(document) else {
        return;
    };
    match kind % 3 {
        0 => {
            let _ = patch::json::Patch::validated(change);
            let _ = patch::json::apply(&mut document, change);
        }
        1 => {
            let Ok(change) = serde_json::from_slice::<Value>(change) else {
                return;
            };
            patch::merge::apply(&mut document, change.clone());
            let once = document.clone();
            patch::merge::apply(&mut document, change);
            assert_eq!(once, document);
        }
        _ => {
            let Ok(change) = serde_json::from_slice::<Value>(change) else {
                return;
            };
            let types = schema();
            let Some(ty) = types.kind("", "v1", "Pod") else {
                return;
            };
            let _ = patch::strategic::apply(types, ty, &mut document, change);
        }
    }
    serde_json::from_str::<Value>(&document.to_string()).unwrap();
});
