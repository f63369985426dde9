use proptest::prelude::*;
use serde_json::json;

use super::wire::{Fields, Wire, close, open, put_bytes};
use super::*;
use crate::schema::{TypeId, Types};

const TABLE: &str = "\
x.Thing gvk=x/v1/Thing
 apiVersion string
 kind string
 name string pb=1 omit
 className string pb=2
 count int32 pb=3
 inner x.Inner pb=4
 list []x.Inner pb=5
 labels {}string pb=6
 data {}bytes pb=7
 at time pb=8
 microAt microtime pb=9
 port intstr pb=10
 cpu quantity pb=11
 raw any pb=12
 flat string pb=13.2.1
 flatter bool pb=13.1
 words []string pb=14 wrap
 extra {}[]string pb=15
 numbers []int64 pb=16
 items any pb=17 either=list
 open any pb=18 either=bool
 needs {}any pb=19 either=strings
 share double pb=20
x.Inner
 self x.Inner pb=1
 text string pb=2
";

fn types() -> Types {
    Types::parse(TABLE).unwrap()
}

fn thing(types: &Types) -> TypeId {
    types.id("x.Thing").unwrap()
}

fn there_and_back(object: &serde_json::Value) -> serde_json::Value {
    let types = types();
    let body = from_json(
        &types,
        thing(&types),
        ("x/v1", "Thing"),
        object.to_string().as_bytes(),
    );
    let body = body.unwrap();
    let envelope = Envelope::open(&body).unwrap();
    assert_eq!((&*envelope.api_version, &*envelope.kind), ("x/v1", "Thing"));
    let json = to_json(&types, thing(&types), ("x/v1", "Thing"), envelope.message).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn every_shape_comes_back() {
    let object = json!({
        "apiVersion": "x/v1", "kind": "Thing",
        "name": "a\"\u{e4}\n", "className": "", "count": -1,
        "inner": {"self": {"self": {}}, "text": "x"}, "list": [{"text": ""}, {}],
        "labels": {"a": "b", "c": ""}, "data": {"k": "AAEC", "l": ""},
        "at": "2008-01-01T01:01:01Z", "microAt": "2008-01-01T01:01:01.000007Z",
        "port": 80, "cpu": "100m", "raw": {"any": ["json", null, 1.5]},
        "flat": "f", "flatter": true, "words": ["a", ""], "extra": {"k": ["v", "w"]}, "numbers": [1, -2],
        "items": [{"name": "i", "items": {"name": "one"}}], "open": {"open": false},
        "needs": {"a": ["x"], "b": {"name": "y"}}, "share": 0.25,
    });
    assert_eq!(there_and_back(&object), object);
}

#[test]
fn what_is_empty_is_left_out_where_it_means_nothing() {
    let types = types();
    let message = [1 << 3 | 2, 0, 2 << 3 | 2, 0, 8 << 3 | 2, 0];
    let json = to_json(&types, thing(&types), ("x/v1", "Thing"), &message).unwrap();
    assert_eq!(
        String::from_utf8(json).unwrap(),
        "{\"apiVersion\":\"x/v1\",\"kind\":\"Thing\",\"className\":\"\"}"
    );
}

#[test]
fn fields_are_in_the_order_of_their_numbers() {
    let types = types();
    let json = br#" { "count" : 1, "flat":"f", "className": null, "unknown": [{"a":"}"}], "name":"n", "flatter":true } "#;
    let body = from_json(&types, thing(&types), ("x/v1", "Thing"), json).unwrap();
    let message = Envelope::open(&body).unwrap().message;
    let numbers: Vec<u32> = Fields::new(message).map(|field| field.unwrap().0).collect();
    assert_eq!(numbers, [1, 3, 13]);
}

#[test]
fn packed_numbers_are_read() {
    let types = types();
    let message = [130, 1, 2, 5, 7, 128, 1, 9];
    let json = to_json(&types, thing(&types), ("x/v1", "Thing"), &message).unwrap();
    assert!(
        String::from_utf8(json)
            .unwrap()
            .ends_with("\"numbers\":[5,7,9]}")
    );
}

#[test]
fn depth_has_a_bound() {
    let types = types();
    let mut message = Vec::new();
    for _ in 0..300 {
        let mut outer = Vec::new();
        put_bytes(&mut outer, 1, &message);
        message = outer;
    }
    let mut thing_message = Vec::new();
    put_bytes(&mut thing_message, 4, &message);
    let read = to_json(&types, thing(&types), ("x/v1", "Thing"), &thing_message);
    assert_eq!(read, Err(ProtobufError::Depth));
    let json = format!(
        "{{\"inner\":{}{}}}",
        "{\"self\":".repeat(300),
        "}".repeat(299)
    );
    let written = from_json(&types, thing(&types), ("x/v1", "Thing"), json.as_bytes());
    assert!(written.is_err());
}

#[test]
fn long_messages_get_long_lengths() {
    for length in [0, 1, 127, 128, 300, 70_000] {
        let mut out = vec![0xff];
        let opened = open(&mut out, 3);
        out.resize(out.len() + length, 7);
        close(&mut out, opened);
        let mut fields = Fields::new(&out[1..]);
        let Some(Ok((3, Wire::Bytes(bytes)))) = fields.next() else {
            panic!("no field of {length} bytes");
        };
        assert_eq!((bytes.len(), fields.next().is_none()), (length, true));
    }
}

#[test]
fn bodies_that_are_none_are_told_apart() {
    let of = |body: &[u8]| Envelope::open(body).unwrap_err();
    assert_eq!(of(b""), ProtobufError::EmptyData);
    assert_eq!(of(b"k8s\0"), ProtobufError::EmptyBody);
    assert_eq!(of(b"{}"), ProtobufError::NoPrefix);
    assert_eq!(of(b"k8s\0\x0a\x05"), ProtobufError::Cut);
    assert_eq!(of(b"k8s\0\x0f"), ProtobufError::WireType(7));
    assert_eq!(of(b"k8s\0\x02\0"), ProtobufError::Tag(0, 2));
}

/// An entry of a map may have no value, and a quantity no text: both are what Go has where nothing was set.
#[test]
fn what_is_not_set_is_zero() {
    let types = types();
    let message = [0x5a, 0, 0x3a, 3, 0x0a, 1, b'k'];
    let json = to_json(&types, thing(&types), ("x/v1", "Thing"), &message).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (&json["cpu"], &json["data"]),
        (&json!("0"), &json!({"k": ""}))
    );
}

#[test]
fn raw_json_is_text() {
    let types = types();
    let of = |raw: &[u8]| {
        let mut message = vec![0x62, raw.len() as u8 + 2, 0x0a, raw.len() as u8];
        message.extend_from_slice(raw);
        to_json(&types, thing(&types), ("x/v1", "Thing"), &message)
    };
    assert!(of(b"\"a\"").is_ok());
    assert!(of(b"\"\x10\xff\"").is_err());
    assert!(of(b"\"\xff\"").is_err());
}

#[test]
fn a_frame_has_its_length_first() {
    let frame = event_frame("ADDED", b"k8s\0");
    assert_eq!(frame, b"\0\0\0\x0f\x0a\x05ADDED\x12\x06\x0a\x04k8s\0");
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let types = types();
        let _ = Envelope::open(&bytes);
        if let Ok(json) = to_json(&types, thing(&types), ("x/v1", "Thing"), &bytes) {
            let read: Result<serde_json::Value, _> = serde_json::from_slice(&json);
            prop_assert!(read.is_ok());
        }
        let _ = from_json(&types, thing(&types), ("x/v1", "Thing"), &bytes);
    }

    #[test]
    fn no_text_does_harm(text in "[{}\\[\\]\",:a-z0-9 \\\\]{0,60}") {
        let types = types();
        let json = format!("{{\"name\":\"x\",\"list\":{text}}}");
        let _ = from_json(&types, thing(&types), ("x/v1", "Thing"), json.as_bytes());
    }
}
