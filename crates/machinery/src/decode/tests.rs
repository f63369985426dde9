use std::time::Instant;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn refused<T: DeserializeOwned + std::fmt::Debug>(json: &str, words: &str) {
    assert_eq!(decode::<T>(json.as_bytes()).unwrap_err().0, words, "{json}");
}

fn taken<T: DeserializeOwned>(json: &str) -> T {
    decode(json.as_bytes())
        .unwrap_or_else(|error| panic!("{json}: {error}"))
        .value
}

#[test]
fn finds_unknown_and_duplicate_fields() {
    let json = r#"{"bogus":1,"spec":{"replicas":1,"replicas":2,"template":{"spec":{"containers":[{"name":"a"},
        {"name":"b","bogus":{"x":[1]},"resources":{"limits":{"cpu":"1","cpu":"2"}}}]}}},
        "metadata":{"labels":{"a":"b","a":"c","a":"d"},"bogus":1,"bogus":2}}"#;
    let decoded = decode::<Deployment>(json.as_bytes()).unwrap();
    assert_eq!(
        decoded.unknown,
        [
            "bogus",
            "spec.template.spec.containers[1].bogus",
            "metadata.bogus"
        ]
    );
    assert_eq!(
        decoded.duplicate,
        [
            "spec.replicas",
            "spec.template.spec.containers[1].resources.limits.cpu",
            "metadata.labels.a"
        ]
    );
    assert_eq!(decoded.value.spec.unwrap().replicas, Some(2));
    let decoded = decode::<ConfigMap>(br#"{"bogus":1,"data":{"a":"1","a":"2"}}"#).unwrap();
    assert_eq!(
        decoded.strict_error().unwrap(),
        r#"strict decoding error: unknown field "bogus", duplicate field "data.a""#
    );
    assert_eq!(decode::<ConfigMap>(b"{}").unwrap().strict_error(), None);
}

#[test]
fn finds_what_is_twice_in_untyped_documents() {
    let decoded = decode::<Value>(br#"{"a":1,"b":[{"c":{"d":1,"d":2}}],"a":{"e":1}}"#).unwrap();
    assert_eq!(decoded.duplicate, ["b[0].c.d", "a"]);
    assert_eq!(
        decoded.value,
        json!({"a": {"e": 1}, "b": [{"c": {"d": 2}}]})
    );
}

#[test]
fn tells_a_hundred_findings_at_most() {
    let fields: Vec<String> = (0..300).map(|n| format!("\"b{n}\":1")).collect();
    let decoded = decode::<ConfigMap>(format!("{{{}}}", fields.join(",")).as_bytes()).unwrap();
    assert_eq!(decoded.unknown.len(), crate::limits::MAX_STRICT_FINDINGS);
    let keys: Vec<String> = (0..40).map(|n| format!("\"k{}\":\"\"", n % 20)).collect();
    let decoded =
        decode::<ConfigMap>(format!("{{\"data\":{{{}}}}}", keys.join(",")).as_bytes()).unwrap();
    assert_eq!(decoded.duplicate.len(), 20);
}

#[test]
fn names_types_as_go_does() {
    let spec = |field: &str| format!(r#"{{"apiVersion":"apps/v1","spec":{{{field}}}}}"#);
    refused::<Deployment>(
        &spec(r#""replicas":"x""#),
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    refused::<Deployment>(
        &spec(r#""replicas":1.5"#),
        "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    refused::<Deployment>(
        &spec(r#""replicas":1e3"#),
        "json: cannot unmarshal number 1e3 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    refused::<Deployment>(
        &spec(r#""replicas":3000000000,"paused":true"#),
        "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    refused::<Deployment>(
        &spec(r#""paused":[]"#),
        "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.paused of type bool",
    );
    refused::<Deployment>(
        r#"{"spec":[]}"#,
        "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec",
    );
    refused::<Deployment>(
        &spec(r#""template":{"spec":{"containers":[{"ports":[{"containerPort":"x"}]}]}}"#),
        "json: cannot unmarshal string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32",
    );
    refused::<Deployment>(
        &spec(r#""template":{"spec":{"containers":{}}}"#),
        "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    );
    refused::<ConfigMap>(
        r#"{"data":{"a":5}}"#,
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    );
    refused::<ConfigMap>(
        r#"{"data":"x"}"#,
        "json: cannot unmarshal string into Go struct field ConfigMap.data of type map[string]string",
    );
    refused::<ConfigMap>(
        r#"{"binaryData":{"a":5}}"#,
        "json: cannot unmarshal number into Go struct field ConfigMap.binaryData of type []uint8",
    );
    refused::<ConfigMap>(
        r#"{"binaryData":1}"#,
        "json: cannot unmarshal number into Go struct field ConfigMap.binaryData of type map[string][]uint8",
    );
    refused::<ConfigMap>(
        "[1]",
        "json: cannot unmarshal array into Go value of type v1.ConfigMap",
    );
    refused::<HorizontalPodAutoscaler>(
        r#"{"apiVersion":"autoscaling/v2","spec":{"behavior":1}}"#,
        "json: cannot unmarshal number into Go struct field HorizontalPodAutoscalerSpec.spec.behavior of type v2.HorizontalPodAutoscalerBehavior",
    );
    refused::<Service>(
        r#"{"spec":{"ports":[{"targetPort":{}}]}}"#,
        "json: cannot unmarshal object into Go struct field ServicePort.spec.ports.targetPort of type int32",
    );
    refused::<Service>(
        r#"{"spec":{"ports":[{"targetPort":1.5}]}}"#,
        "json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.targetPort of type int32",
    );
}

#[test]
fn reads_quantities_as_kubernetes_does() {
    let limits = |value: &str| {
        format!(
            r#"{{"spec":{{"containers":[{{"name":"c","resources":{{"limits":{{"cpu":{value}}}}}}}]}}}}"#
        )
    };
    for (given, told) in [
        ("\"0.5\"", "500m"),
        ("0.5", "500m"),
        ("1", "1"),
        ("1e3", "1e3"),
        ("null", "0"),
        ("\" 1 \"", "1"),
        ("\"1.500\"", "1.500"),
    ] {
        let pod: Pod = taken(&limits(given));
        let spec = pod.spec.unwrap();
        assert_eq!(
            spec.containers[0]
                .resources
                .as_ref()
                .unwrap()
                .limits
                .as_ref()
                .unwrap()["cpu"]
                .0,
            told,
            "{given}"
        );
    }
    let regex = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    refused::<Pod>(&limits("\"x\""), regex);
    refused::<Pod>(&limits("{}"), regex);
    refused::<Pod>(&limits("\"1mi\""), "unable to parse quantity's suffix");
}

#[test]
fn reads_times_as_go_does() {
    let lease = |value: &str| format!(r#"{{"spec":{{"renewTime":{value}}}}}"#);
    let created = |value: &str| format!(r#"{{"metadata":{{"creationTimestamp":{value}}}}}"#);
    let told = |value: &str| {
        taken::<ConfigMap>(&created(value))
            .metadata
            .creation_timestamp
            .map(|time| time.0.to_string())
    };
    assert_eq!(told("null"), None);
    assert_eq!(
        told("\"2024-02-29T01:02:03Z\"").unwrap(),
        "2024-02-29T01:02:03Z"
    );
    assert_eq!(
        told("\"2024-02-29T01:02:03.999+01:00\"").unwrap(),
        "2024-02-29T00:02:03Z"
    );
    let refuse = |value: &str, words: &str| refused::<ConfigMap>(&created(value), words);
    refuse(
        "\"x\"",
        r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#,
    );
    refuse(
        "\"\"",
        r#"parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#,
    );
    refuse(
        "\"2024-01-01\"",
        r#"parsing time "2024-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#,
    );
    refuse(
        "\"2024-01-01 00:00:00Z\"",
        r#"parsing time "2024-01-01 00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T""#,
    );
    refuse(
        "\"\u{e9}\\n\\\"\"",
        r#"parsing time "\xc3\xa9\x0a\"" as "2006-01-02T15:04:05Z07:00": cannot parse "\xc3\xa9\x0a\"" as "2006""#,
    );
    refuse(
        "\"2024-13-01T00:00:00Z\"",
        r#"parsing time "2024-13-01T00:00:00Z": month out of range"#,
    );
    refuse(
        "\"2023-02-29T00:00:00Z\"",
        r#"parsing time "2023-02-29T00:00:00Z": day out of range"#,
    );
    refuse(
        "\"2024-01-01T00:00:00\"",
        r#"parsing time "2024-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
    );
    refuse(
        "5",
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
    );
    assert!(decode::<Lease>(lease("\"2024-01-01T00:00:00.123456Z\"").as_bytes()).is_ok());
    refused::<Lease>(
        &lease("\"2024-01-01T00:00:00Z\""),
        r#"parsing time "2024-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000""#,
    );
}

#[test]
fn a_condition_may_lack_its_time() {
    use k8s_openapi::api::core::v1::Service;
    for time in ["", r#","lastTransitionTime":null"#] {
        let json = format!(
            r#"{{"status":{{"conditions":[{{"type":"A","status":"True","reason":"R","message":""{time}}}]}}}}"#
        );
        let decoded = decode::<Service>(json.as_bytes()).unwrap();
        assert_eq!(decoded.findings(), [""; 0]);
        let condition = &decoded
            .value
            .status
            .as_ref()
            .unwrap()
            .conditions
            .as_ref()
            .unwrap()[0];
        assert!(crate::time::is_zero(&condition.last_transition_time));
        assert_eq!(
            decode_trusted::<Service>(json.as_bytes()).unwrap(),
            decoded.value
        );
    }
}

#[test]
fn a_series_may_lack_its_time() {
    use k8s_openapi::api::{core, events};
    for series in ["{}", r#"{"lastObservedTime":null}"#] {
        let json = format!(r#"{{"series":{series},"metadata":{{}},"involvedObject":{{}}}}"#);
        let event: events::v1::Event = taken(&json);
        let time = event.series.unwrap().last_observed_time.0;
        assert_eq!(time.to_string(), "0001-01-01T00:00:00Z");
        let event: core::v1::Event = taken(&json);
        assert_eq!(event.series.unwrap().last_observed_time, None);
    }
}

#[test]
fn a_condition_may_be_null() {
    let service: Service = taken(r#"{"status":{"conditions":[null]}}"#);
    let condition = &service.status.unwrap().conditions.unwrap()[0];
    assert!(crate::time::is_zero(&condition.last_transition_time));
    assert_eq!(condition.type_, "");
}

#[test]
fn takes_null_for_every_field() {
    let pod: Pod = taken(
        r#"{"metadata":null,"spec":{"containers":null,"nodeName":null,"tolerations":[null]}}"#,
    );
    let spec = pod.spec.unwrap();
    assert_eq!(
        (
            spec.containers.len(),
            spec.node_name,
            spec.tolerations.unwrap().len()
        ),
        (0, None, 1)
    );
    let map: ConfigMap = taken(r#"{"data":{"a":null},"immutable":null}"#);
    assert_eq!((map.data.unwrap()["a"].as_str(), map.immutable), ("", None));
    let service: Service = taken(
        r#"{"spec":{"ports":[{"port":null,"targetPort":null}],"externalIPs":["1.2.3.4",null]}}"#,
    );
    let spec = service.spec.unwrap();
    assert_eq!(
        (spec.ports.unwrap()[0].port, spec.external_ips.unwrap()),
        (0, vec!["1.2.3.4".to_owned(), String::new()])
    );
}

#[test]
fn reads_base64_as_go_does() {
    let secret = |value: &str| json!({"data": {"a": value}}).to_string();
    let read = |value: &str| taken::<Secret>(&secret(value)).data.unwrap()["a"].0.clone();
    assert_eq!(read("aGVs\nbG8=\r\n"), b"hello");
    assert_eq!(read(""), b"");
    // Bits that are left over say nothing.
    assert_eq!((read("BB=="), read("AAB=")), (vec![4], vec![0, 0]));
    for (value, at) in [
        ("a", 0),
        ("aGVsbG8", 4),
        ("aGVs\nbG8", 5),
        ("aGV!", 3),
        ("a===", 1),
        ("aa=", 3),
        ("aa=b", 2),
        ("aGVsbG8=x", 8),
    ] {
        refused::<Secret>(
            &secret(value),
            &format!("illegal base64 data at input byte {at}"),
        );
    }
}

#[test]
fn reads_bytes_from_lists_as_go_does() {
    let map = |value: &str| format!(r#"{{"binaryData":{{"a":{value}}}}}"#);
    let read = |value: &str| {
        taken::<ConfigMap>(&map(value)).binary_data.unwrap()["a"]
            .0
            .clone()
    };
    assert_eq!(read("[]"), b"");
    assert_eq!(read("[65,null,255]"), [65, 0, 255]);
    refused::<ConfigMap>(
        &map("[300]"),
        "json: cannot unmarshal number 300 into Go struct field ConfigMap.binaryData of type uint8",
    );
    refused::<ConfigMap>(
        &map("[\"x\"]"),
        "json: cannot unmarshal string into Go struct field ConfigMap.binaryData of type uint8",
    );
}

const TABLE: &str = "\
a.core.v1.Pod gvk=/v1/Pod
 metadata a.meta.v1.ObjectMeta
 spec a.core.v1.PodSpec
a.core.v1.PodSpec
 containers []a.core.v1.Container
 nodeSelector {}string
 restartPolicy string go=v1.RestartPolicy
 volumes []a.core.v1.Volume
a.core.v1.Container
 ports []a.core.v1.ContainerPort
 resources a.core.v1.ResourceRequirements
 securityContext any
a.core.v1.ContainerPort
 containerPort int32
 protocol string enum=TCP go=v1.Protocol
a.core.v1.ResourceRequirements
 limits {}quantity go=v1.ResourceList
a.core.v1.Volume
 projected a.core.v1.ProjectedVolumeSource in=VolumeSource
a.core.v1.ProjectedVolumeSource
 sources []string
a.meta.v1.ObjectMeta
 finalizers []string go=[]v1.Finalizer
";

#[test]
fn names_types_as_the_table_does() {
    let types = Types::parse(TABLE).unwrap();
    let ty = types.kind("", "v1", "Pod").unwrap();
    let check = |json: &str, words: &str| {
        let root = || Some(Root { types: &types, ty });
        let error = decode_as::<Pod>(json.as_bytes(), root).unwrap_err();
        assert_eq!(error.0, format!("json: cannot unmarshal {words}"), "{json}");
    };
    let container = |text: &str| format!(r#"{{"spec":{{"containers":[{{{text}}}]}}}}"#);
    check("5", "number into Go value of type v1.Pod");
    check(
        r#"{"apiVersion":"v1","metadata":5}"#,
        "number into Go struct field Pod.metadata of type v1.ObjectMeta",
    );
    check(
        r#"{"spec":{"restartPolicy":5}}"#,
        "number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
    );
    check(
        &container(r#""ports":[{"protocol":5}]"#),
        "number into Go struct field ContainerPort.spec.containers.ports.protocol of type v1.Protocol",
    );
    check(
        &container(r#""ports":[{"containerPort":1.5}]"#),
        "number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
    );
    check(
        &container(r#""resources":{"limits":[]}"#),
        "array into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList",
    );
    check(
        r#"{"spec":{"nodeSelector":{"a":5}}}"#,
        "number into Go struct field PodSpec.spec.nodeSelector of type string",
    );
    check(
        r#"{"spec":{"volumes":[{"projected":{"sources":{}}}]}}"#,
        "object into Go struct field ProjectedVolumeSource.spec.volumes.VolumeSource.projected.sources of type []string",
    );
    check(
        r#"{"metadata":{"finalizers":[5]}}"#,
        "number into Go struct field ObjectMeta.metadata.finalizers of type v1.Finalizer",
    );
    // What the table does not have goes by the types here.
    check(
        &container(r#""securityContext":{"runAsUser":"x"}"#),
        "string into Go struct field SecurityContext.spec.containers.securityContext.runAsUser of type int64",
    );
    check(
        &container(r#""env":5"#),
        "number into Go struct field Container.spec.containers.env of type []v1.EnvVar",
    );
}

#[test]
fn tells_syntax_errors_as_go_does() {
    let check = |json: &str, words: &str| refused::<ConfigMap>(json, words);
    check("", "unexpected end of JSON input");
    check("{\"data\":", "unexpected end of JSON input");
    check(
        "{bad json",
        "invalid character 'b' looking for beginning of object key string",
    );
    check("{\"a\" 1}", "invalid character '1' after object key");
    check(
        "{\"a\":1 \"b\"}",
        "invalid character '\"' after object key:value pair",
    );
    check("{\"a\":[1 2]}", "invalid character '2' after array element");
    check("{} x", "invalid character 'x' after top-level value");
    check(
        "{\"a\":x}",
        "invalid character 'x' looking for beginning of value",
    );
    check(
        "{\"a\":tru}",
        "invalid character '}' in literal true (expecting 'e')",
    );
    check("{\"a\":-}", "invalid character '}' in numeric literal");
    check(
        "{\"a\":01}",
        "invalid character '1' after object key:value pair",
    );
    check(
        "{\"a\":\"\\x\"}",
        "invalid character 'x' in string escape code",
    );
    check(
        "{\"a\":\"\n\"}",
        "invalid character '\\n' in string literal",
    );
    check(
        "{\"a\":1,}",
        "invalid character '}' looking for beginning of object key string",
    );
    // Syntax comes before types, wherever it is.
    check(
        "{\"data\":5,\"a\":x}",
        "invalid character 'x' looking for beginning of value",
    );
    assert_eq!(
        syntax_error(b" {\"a\":[1,{},[],\"\\u00e9\",-1.5e+3,true,false,null]} "),
        None
    );
}

#[test]
fn mends_text_as_go_does() {
    let map = decode::<ConfigMap>(
        b"{\"data\":{\"a\":\"x\xff\",\"b\":\"\\ud800y\\\\ud800\",\"c\":\"\\ud83d\\ude00\"}}",
    )
    .unwrap()
    .value;
    let data = map.data.unwrap();
    assert_eq!(
        (data["a"].as_str(), data["b"].as_str(), data["c"].as_str()),
        ("x\u{fffd}", "\u{fffd}y\\ud800", "\u{1f600}")
    );
}

#[test]
fn bounds_the_depth() {
    let deep = |depth: usize| {
        format!(
            "{}{{}}{}",
            "{\"properties\":{\"a\":".repeat(depth),
            "}}".repeat(depth)
        )
    };
    let crd = |schema: &str| {
        format!(r#"{{"spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{schema}}}}}]}}}}"#)
    };
    assert!(decode::<CustomResourceDefinition>(crd(&deep(55)).as_bytes()).is_ok());
    refused::<CustomResourceDefinition>(
        &crd(&deep(100_000)),
        "invalid character '{' exceeded max depth",
    );
    let lists = "[".repeat(1_000_000);
    refused::<Value>(&lists, "invalid character '[' exceeded max depth");
}

#[test]
fn raw_json_goes_through_untouched() {
    let json = json!({"a": [1, 2.5, {"b": null}], "c": "d"});
    assert_eq!(taken::<Value>(&json.to_string()), json);
    let crd = taken::<CustomResourceDefinition>(
        r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"default":{"x":[1]},"items":{"type":"string"},"additionalProperties":false}}}]}}"#,
    );
    let schema = crd.spec.versions[0]
        .schema
        .as_ref()
        .unwrap()
        .open_api_v3_schema
        .as_ref()
        .unwrap();
    assert_eq!(schema.default.as_ref().unwrap().0, json!({"x": [1]}));
}

#[test]
fn a_small_config_map_is_fast() {
    let data: std::collections::BTreeMap<String, String> = (0..4)
        .map(|n| (format!("key-{n}"), "x".repeat(200)))
        .collect();
    let json = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b", "labels": {"a": "b"}}, "data": data});
    let json = json.to_string().into_bytes();
    let time = |run: &dyn Fn()| {
        let start = Instant::now();
        (0..2000).for_each(|_| run());
        start.elapsed() / 2000
    };
    let strict = time(&|| drop(decode::<ConfigMap>(&json).unwrap()));
    let plain = time(&|| drop(decode_trusted::<ConfigMap>(&json).unwrap()));
    // Wide, for unoptimized builds on busy machines.
    assert!(
        strict < plain * 8 && strict.as_micros() < 500,
        "{strict:?} against {plain:?}"
    );
}

proptest! {
    #[test]
    fn never_panics(json in r#"[\{\}\[\]:,"a0-9.\\u dnulspecmetadata]{0,60}"#) {
        let _ = decode::<Pod>(json.as_bytes());
        let _ = decode::<Value>(json.as_bytes());
    }

    #[test]
    fn the_scanner_agrees_with_serde_json(json in r#"[\{\}\[\]:,"a01.e\- tru]{0,16}"#) {
        prop_assert_eq!(syntax_error(json.as_bytes()).is_none(), serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok());
    }

    #[test]
    fn decodes_what_serde_json_does(labels in prop::collection::btree_map("[a-z]{1,4}", ".{0,8}", 0..20), replicas in any::<i32>()) {
        let json = json!({"metadata": {"labels": labels}, "spec": {"replicas": replicas}}).to_string();
        let decoded = decode::<Deployment>(json.as_bytes()).unwrap();
        prop_assert_eq!(decoded.strict_error(), None);
        prop_assert_eq!(decoded.value, decode_trusted::<Deployment>(json.as_bytes()).unwrap());
    }

    #[test]
    fn times_agree_with_jiff(second in -62_000_000_000_i64..200_000_000_000) {
        let time = jiff::Timestamp::from_second(second).unwrap();
        let text = time.to_string();
        let checked = time::check(text.as_str().into(), false).unwrap();
        prop_assert_eq!(checked.as_ref(), text.as_str());
    }
}
