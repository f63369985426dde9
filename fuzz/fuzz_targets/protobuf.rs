//! Protobuf bodies of every kind. What is read from one is JSON that can be written as protobuf again, and is then read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use navarch_api::schema::schema;
use navarch_api::table;
use navarch_machinery::protobuf::{self, Envelope};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    // As a whole body, and, since hardly any bytes are one, as the message of a kind that the first byte chooses.
    if let Ok(envelope) = Envelope::open(bytes) {
        let (group, version) = envelope
            .api_version
            .split_once('/')
            .unwrap_or(("", &envelope.api_version));
        check(group, version, &envelope.kind, envelope.message);
    }
    let [which, message @ ..] = bytes else { return };
    let rows: Vec<_> = table::builtin().rows().collect();
    let row = rows[usize::from(*which) % rows.len()];
    check(&row.group, &row.version, &row.kind, message);
});

fn check(group: &str, version: &str, kind: &str, message: &[u8]) {
    let types = schema();
    let Some(ty) = types.kind(group, version, kind) else {
        return;
    };
    let Ok(json) = protobuf::to_json(types, ty, (version, kind), message) else {
        return;
    };
    let value: Value = serde_json::from_slice(&json).unwrap();
    let Ok(written) = protobuf::from_json(types, ty, (version, kind), &json) else {
        return;
    };
    let envelope = Envelope::open(&written).unwrap();
    let again = protobuf::to_json(types, ty, (version, kind), envelope.message).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), value);
}
