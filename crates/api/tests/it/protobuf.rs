//! Objects that Kubernetes wrote in JSON and in protobuf: each must become the other, byte by byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use navarch_api::schema::schema;
use navarch_machinery::protobuf::{Envelope, from_json, to_json};
use navarch_machinery::schema::TypeId;
use serde_json::Value;

/// One object a line: its name, and what it is in both forms. All that a release serves as stable.
const OBJECTS: &str = include_str!("../fixtures/objects.jsonl");

/// In how many places each is damaged.
const DAMAGES: usize = 16;

struct Golden<'a> {
    name: String,
    protobuf: Vec<u8>,
    object: Value,
    json: &'a str,
}

fn golden(line: &str) -> Golden<'_> {
    let value: Value = serde_json::from_str(line).unwrap();
    let at = line.find(",\"object\":").unwrap();
    Golden {
        name: value["name"].as_str().unwrap().to_owned(),
        protobuf: STANDARD
            .decode(value["protobuf"].as_str().unwrap())
            .unwrap(),
        json: line[at..]
            .strip_prefix(",\"object\":")
            .unwrap()
            .strip_suffix('}')
            .unwrap(),
        object: value["object"].clone(),
    }
}

fn type_of(api_version: &str, kind: &str) -> Option<TypeId> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    schema().kind(group, version, kind)
}

#[test]
fn every_object_is_the_same_in_both_forms() {
    for line in OBJECTS.lines() {
        let Golden {
            name,
            protobuf,
            object,
            json,
        } = golden(line);
        let envelope = Envelope::open(&protobuf).unwrap();
        let kind = (&*envelope.api_version, &*envelope.kind);
        let id = type_of(kind.0, kind.1).unwrap_or_else(|| panic!("{name} has no type"));
        let read = to_json(schema(), id, kind, envelope.message).unwrap();
        let read: Value = serde_json::from_slice(&read).unwrap();
        assert_eq!(read, object, "{name} as JSON");
        let written = from_json(schema(), id, kind, json.as_bytes()).unwrap();
        assert!(written == protobuf, "{name} as protobuf");
    }
}

#[test]
fn bytes_that_are_damaged_are_read_or_refused() {
    for line in OBJECTS.lines() {
        let Golden { protobuf, .. } = golden(line);
        let envelope = Envelope::open(&protobuf).unwrap();
        let kind = (&*envelope.api_version, &*envelope.kind);
        let id = type_of(kind.0, kind.1).unwrap();
        let length = envelope.message.len();
        for at in (0..length).step_by(length / DAMAGES + 1) {
            let mut damaged = envelope.message.to_vec();
            damaged[at] ^= 0x55;
            let _ = to_json(schema(), id, kind, &damaged);
            let _ = to_json(schema(), id, kind, &envelope.message[..at]);
        }
    }
}
