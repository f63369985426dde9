//! The list of managers.

use super::*;

#[test]
fn managers_of_other_versions_lose_in_their_own_words() {
    let (old, new) = (
        tree(r#"{"spec":{"count":1}}"#),
        tree(r#"{"spec":{"count":2}}"#),
    );
    let of = |api_version: &'static str| Entry {
        manager: "one".into(),
        applied: false,
        api_version: api_version.into(),
        subresource: "".into(),
        time: None,
        fields: serde_json::from_str(r#"{"f:spec":{"f:number":{},"f:other":{}}}"#).unwrap(),
    };
    let renamed = |version: &str, new: &Tree<'_>| {
        assert_eq!(
            new.get("spec").and_then(|spec| spec.get("count")),
            Some(&Tree::Number(2.into()))
        );
        let changed = serde_json::from_str::<Set<'_>>(r#"{"f:spec":{"f:number":{}}}"#)
            .unwrap()
            .into_owned();
        (version == "x/v2").then_some(Diff {
            changed,
            removed: Set::default(),
        })
    };
    let managers = update(
        &write("two"),
        Some(&old),
        &new,
        vec![of("x/v2"), of("x/v0")],
        &renamed,
    );
    assert_eq!(
        shown(managers),
        "one Update {\"f:spec\":{\"f:other\":{}}}\ntwo Update {\"f:spec\":{\"f:count\":{}}}"
    );
}

#[test]
fn there_are_not_more_updaters_than_can_be_told_apart() {
    let created = tree(r#"{"spec":{"limits":{"a":"0"}}}"#);
    let mut managers = update(&write("m00"), None, &created, Vec::new(), &no_others);
    let names: Vec<String> = (1..12).map(|at| format!("m{at:02}")).collect();
    let versions: Vec<String> = (1..12)
        .map(|at| {
            let limits: Vec<String> = (0..=at)
                .map(|key| format!("\"{}\":\"0\"", (b'a' + key) as char))
                .collect();
            format!("{{\"spec\":{{\"limits\":{{{}}}}}}}", limits.join(","))
        })
        .collect();
    let trees: Vec<Tree<'_>> = versions.iter().map(|json| tree(json)).collect();
    let mut old = &created;
    for (name, new) in names.iter().zip(&trees) {
        managers = update(&write(name), Some(old), new, managers, &no_others);
        old = new;
    }
    assert_eq!(managers.len(), MAX_UPDATE_MANAGERS);
    let shown = shown(managers);
    let first = shown.lines().next().unwrap();
    assert_eq!(
        first,
        "ancient-changes Update {\"f:spec\":{\"f:limits\":{\".\":{},\"f:a\":{},\"f:b\":{},\"f:c\":{}}}}"
    );
}

#[test]
fn who_owns_replicas_owns_the_scale() {
    let parent = |applied, fields: &'static str| Entry {
        manager: "one".into(),
        applied,
        api_version: "apps/v1".into(),
        subresource: "".into(),
        time: Some(NOW.into()),
        fields: serde_json::from_str(fields).unwrap(),
    };
    let both = r#"{"f:spec":{"f:other":{},"f:replicas":{}}}"#;
    let versions = ["apps/v1"];
    let scale = to_scale(&[parent(true, both)], &versions);
    assert_eq!(
        (&*scale[0].api_version, text(&scale[0].fields).as_str()),
        ("autoscaling/v1", r#"{"f:spec":{"f:replicas":{}}}"#)
    );
    let kept = from_scale(
        vec![parent(true, both)],
        scale.clone(),
        &versions,
        "apps/v1",
    );
    assert_eq!(kept, [parent(true, both)]);
    let stolen = from_scale(vec![parent(true, both)], Vec::new(), &versions, "apps/v1");
    assert_eq!(shown(stolen), r#"one Apply {"f:spec":{"f:other":{}}}"#);
    let mut taken = scale;
    taken[0].manager = "two".into();
    taken[0].subresource = "scale".into();
    taken[0].applied = false;
    let taken = from_scale(vec![parent(false, both)], taken, &versions, "apps/v1");
    assert_eq!(taken[1].time, None);
    assert_eq!(
        shown(taken),
        "two Update {\"f:spec\":{\"f:replicas\":{}}}\none Update {\"f:spec\":{\"f:other\":{}}}"
    );
}

#[test]
fn entries_of_clients_are_checked() {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
    let read = |json: serde_json::Value| {
        let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(json).unwrap();
        of_client(&entries)
            .map(shown)
            .map_err(|error| error.to_string())
    };
    let entry = serde_json::json!({
        "manager": "a", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:l": {"k:{ \"b\": 1, \"a\": 2 }": {}}},
    });
    assert_eq!(
        read(serde_json::json!([entry])).unwrap(),
        r#"a Apply {"f:l":{"k:{\"a\":2,\"b\":1}":{}}}"#
    );
    let with = |key: &str, value: &str| {
        let mut entry = entry.clone();
        entry[key] = value.into();
        read(serde_json::json!([entry]))
    };
    assert_eq!(
        with("operation", "x").unwrap_err(),
        "operation must be `Apply` or `Update`"
    );
    assert_eq!(
        with("apiVersion", "").unwrap_err(),
        "apiVersion must not be empty"
    );
    assert_eq!(
        with("fieldsType", "x").unwrap_err(),
        "invalid fieldsType \"x\""
    );
    let same = serde_json::json!([{"manager": "a", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:x": {"v:": {}}}}]);
    assert_eq!(
        read(same).unwrap_err(),
        "the fields of \"a\" cannot be read"
    );
}

#[test]
fn times_alone_are_no_difference() {
    let entry = |time: &str, field: &str| {
        format!(
            r#"[{{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{{"f:{field}":{{}}}},"manager":"a","operation":"Update","time":"{time}"}}]"#
        )
    };
    assert!(same_but_times(
        entry("1", "x").as_bytes(),
        entry("2", "x").as_bytes()
    ));
    assert!(!same_but_times(
        entry("1", "x").as_bytes(),
        entry("1", "y").as_bytes()
    ));
    assert!(!same_but_times(b"", b""));
}
