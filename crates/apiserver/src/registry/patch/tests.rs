use navarch_api::call::PatchKind;
use navarch_api::table;
use navarch_machinery::patch::json;
use serde_json::json;

use super::made::Making;
use super::{Body, Input, Patch};
use crate::request::FieldValidation;
use crate::served::Directory;

fn refused(resource: (&str, &str, &str), document: serde_json::Value) -> Option<String> {
    let directory = Directory::new(table::builtin().clone());
    let (group, version, plural) = resource;
    let making = Making {
        directory: &directory,
        served: directory.find(group, version, plural).unwrap(),
        patch: &Patch {
            body: Body::Merge(json!({})),
            findings: Vec::new(),
        },
        validation: FieldValidation::Ignore,
    };
    let mut document = document;
    making.check_kind(&mut document).err()
}

#[test]
fn what_is_another_kind_is_refused_as_bodies_are() {
    let check = |resource, version: &str, kind: &str, words: Option<&str>| {
        let document = json!({"apiVersion": version, "kind": kind});
        assert_eq!(
            refused(resource, document).as_deref(),
            words,
            "{version} {kind}"
        );
    };
    let events = ("events.k8s.io", "v1", "events");
    check(events, "events.k8s.io/v1", "Event", None);
    check(events, "", "", None);
    check(
        events,
        "v1",
        "ConfigMap",
        Some("converting (v1.ConfigMap) to (core.Event): unknown conversion"),
    );
    let maps = ("", "v1", "configmaps");
    check(maps, "/v1", "ConfigMap", None);
    check(
        maps,
        "v1",
        "List",
        Some("converting (v1.List) to (core.ConfigMap): unknown conversion"),
    );
    // It is served here, but by another of Kubernetes' servers.
    check(
        maps,
        "apiregistration.k8s.io/v1",
        "APIService",
        Some(
            "no kind \"APIService\" is registered for version \"apiregistration.k8s.io/v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
    );
}

#[test]
fn a_json_patch_is_read_when_it_comes() {
    let read = |json: &'static str, validation| {
        let input = Input::Patch(PatchKind::Json, json.as_bytes().into());
        Patch::read(input, validation)
    };
    let patch = read(
        r#"[{"op":"add","path":"/a","value":1,"bogus":1}]"#,
        FieldValidation::Warn,
    );
    let patch = patch.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(patch.findings, [r#"json patch unknown field "[0].bogus""#]);
    let mut document = json!({});
    patch.apply(("", "v1", "ConfigMap"), &mut document).unwrap();
    assert_eq!(document, json!({"a": 1}));
    let words = read("[1]", FieldValidation::Ignore).err().unwrap().message;
    let expected = json::Patch::parse(b"[1]").unwrap_err().to_string();
    assert_eq!(words, expected);
}
