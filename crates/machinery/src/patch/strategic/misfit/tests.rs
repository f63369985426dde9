use serde_json::json;

use super::*;

const TABLE: &str = "\
t.Map gvk=/v1/ConfigMap
 data {}string
 metadata t.Meta
 protocol string go=v1.Protocol
 port int32
 immutable bool
 binary {}bytes
t.Meta
 finalizers []string
 owners []t.Owner
t.Owner
 name string
";

#[track_caller]
fn check(document: &Value, words: Option<&str>) {
    let types = Types::parse(TABLE).unwrap();
    let ty = types.kind("", "v1", "ConfigMap").unwrap();
    assert_eq!(misfit(&types, ty, document).as_deref(), words);
}

#[test]
fn what_does_not_fit_is_told_as_by_a_conversion_from_maps() {
    let words = |document: Value, words| check(&document, Some(words));
    words(json!({"data": {"a": 5}}), "cannot convert int64 to string");
    words(
        json!({"data": {"a": {"y": 1}}}),
        "unrecognized type: string",
    );
    words(json!({"data": []}), "cannot restore map from slice");
    words(json!({"data": "x"}), "cannot restore map from string");
    words(
        json!({"metadata": {"owners": {}}}),
        "cannot restore slice from map",
    );
    words(
        json!({"metadata": {"owners": ["a"]}}),
        "cannot restore struct from: string",
    );
    words(
        json!({"protocol": 1}),
        "cannot convert int64 to v1.Protocol",
    );
    words(json!({"port": "1"}), "unrecognized type: int32");
    words(json!({"port": 1.5}), "cannot convert float64 to int32");
    words(json!({"immutable": 1}), "unrecognized type: bool");
    words(
        json!({"binary": {"a": 1}}),
        "cannot restore slice from int64",
    );
}

#[test]
fn what_fits_is_not_told() {
    let document = json!({"data": null, "port": 2.0, "binary": {"a": "!"}, "other": 1});
    check(&document, None);
}

#[test]
fn a_patch_is_shown_as_go_prints_it() {
    let patch = json!({"b": [1, "x y", null], "a": {"f": 0.5, "g": 1e21, "h": true, "i": 0.00001}});
    assert_eq!(
        go_map(&patch),
        "map[a:map[f:0.5 g:1e+21 h:true i:1e-05] b:[1 x y <nil>]]"
    );
}

#[test]
fn what_reads_itself_does_not_know_where_it_is() {
    assert_eq!(
        alone("illegal base64 data at input byte 0"),
        "error decoding from json: illegal base64 data at input byte 0"
    );
    assert_eq!(
        alone(
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string"
        ),
        "json: cannot unmarshal number into Go value of type string"
    );
    assert_eq!(alone("quantities must be"), "quantities must be");
}
