use super::*;

fn accepted(header: &str) -> (Format, Shape, &'static str) {
    let accepted = negotiate(Some(header), Verb::Get, true, || true).unwrap();
    (accepted.format, accepted.shape, accepted.meta)
}

#[test]
fn the_first_form_that_there_is_counts() {
    let cases = [
        ("application/json", Format::Json),
        ("*/*", Format::Json),
        ("text/html, */*", Format::Json),
        ("application/yaml", Format::Yaml),
        ("application/vnd.kubernetes.protobuf", Format::Protobuf),
        (
            "application/vnd.kubernetes.protobuf,application/json",
            Format::Protobuf,
        ),
        (
            "application/json,application/vnd.kubernetes.protobuf",
            Format::Json,
        ),
        (
            "application/json;q=0.5, application/yaml;q=0.8",
            Format::Yaml,
        ),
        ("*/*, application/yaml", Format::Yaml),
        ("application/json;stream=watch", Format::Json),
        (
            "application/yaml;stream=watch,application/json",
            Format::Json,
        ),
        ("application/json;sv=v2, application/yaml", Format::Yaml),
        ("application/json; charset=utf-8", Format::Json),
        ("application/json;odd=1", Format::Json),
    ];
    for (header, format) in cases {
        assert_eq!(accepted(header).0, format, "{header}");
    }
}

#[test]
fn shapes_are_of_the_meta_group() {
    assert_eq!(
        accepted("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").1,
        Shape::Table
    );
    assert_eq!(
        accepted(
            "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io"
        ),
        (Format::Json, Shape::Table, "meta.k8s.io/v1")
    );
    assert_eq!(
        accepted(
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1"
        ),
        (Format::Protobuf, Shape::Metadata, "meta.k8s.io/v1beta1")
    );
    assert_eq!(
        accepted("application/json;as=Pretty;g=meta.k8s.io;v=v1,application/yaml"),
        (Format::Yaml, Shape::Plain, "meta.k8s.io/v1")
    );
    // A wildcard takes the first form that can be of the shape.
    assert_eq!(
        accepted("*/*;as=Table;v=v1;g=meta.k8s.io"),
        (Format::Json, Shape::Table, "meta.k8s.io/v1")
    );
}

#[test]
fn what_nobody_writes_is_refused() {
    let refused = |header, verb| negotiate(Some(header), verb, true, || true).unwrap_err();
    let error = refused("application/cbor", Verb::Get);
    assert_eq!(
        error.message,
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf"
    );
    assert!(error.details.is_some());
    let error = refused("application/*", Verb::List);
    assert!(error.message.ends_with(STREAMS));
    let error = refused(
        "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
        Verb::List,
    );
    assert_eq!(
        error.message,
        "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"
    );
    assert!(error.details.is_none());
    let error = refused("application/yaml", Verb::Watch);
    assert_eq!(
        error.message,
        "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
    );
}

#[test]
fn bodies_are_of_three_forms() {
    let form = |text| body_format(Some(text), || true).map_err(|error| error.code);
    assert_eq!(form("application/json;charset=utf-8"), Ok(Format::Json));
    assert_eq!(
        form("application/vnd.kubernetes.protobuf"),
        Ok(Format::Protobuf)
    );
    assert_eq!(form("application/cbor"), Err(415));
    assert_eq!(body_format(None, || true).ok(), Some(Format::Json));
}

#[test]
fn errors_and_documents_have_no_shape() {
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    assert_eq!(plain_format(Some(table)), None);
    assert_eq!(
        plain_format(Some(&format!("{table},application/yaml"))),
        Some(Format::Yaml)
    );
    let newer = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    assert_eq!(aggregated_discovery(Some(newer)), Some(Format::Json));
    assert_eq!(aggregated_discovery(Some("application/json")), None);
}

#[test]
fn people_get_json_that_they_can_read() {
    assert!(for_people("true", None));
    assert!(for_people("", Some("curl/8.5.0")));
    assert!(!for_people("0", Some("curl/8.5.0")));
    assert!(!for_people("", Some("kubectl/v1.36.0")));
    let header = Some("application/json;pretty=1");
    assert!(negotiate(header, Verb::Get, true, || true).unwrap().pretty);
}

#[test]
fn a_question_is_no_table() {
    let header = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let refused = negotiate(Some(header), Verb::Create, false, || true).unwrap_err();
    assert_eq!((refused.code, refused.reason), (406, "NotAcceptable"));
    let either = format!("{header}, application/json");
    let accepted = negotiate(Some(&either), Verb::Create, false, || true).unwrap();
    assert_eq!(accepted.shape, Shape::Plain);
}
