use navarch_machinery::schema::{ListType, Shape, Types};

use super::{TABLE, schema};
use crate::table::builtin;

fn go_field(ty: &str, field: &str) -> (&'static str, Option<&'static str>) {
    let id = schema().id(&format!("io.k8s.api.{ty}")).unwrap();
    let found = schema().go_field(id, field);
    (found.embedded, found.printed)
}

#[test]
fn the_table_is_readable() {
    let types = Types::parse(TABLE).unwrap();
    assert!(types.iter().count() > 700);
}

#[test]
fn every_row_has_a_type() {
    for row in builtin().rows() {
        assert!(
            schema().kind(&row.group, &row.version, &row.kind).is_some(),
            "{row:?}"
        );
    }
}

#[test]
fn merge_keys_and_list_types_are_there() {
    let spec = schema().get("io.k8s.api.core.v1.PodSpec").unwrap();
    let containers = spec.field("containers").unwrap();
    assert!(containers.patch.merge && containers.required);
    assert_eq!(containers.merge_key.as_deref(), Some("name"));
    assert_eq!(containers.list_type, Some(ListType::Map));
    let volumes = spec.field("volumes").unwrap();
    assert!(volumes.patch.merge && volumes.patch.retain_keys);
    assert!(
        spec.field("restartPolicy")
            .unwrap()
            .values
            .iter()
            .any(|v| v == "Always")
    );
}

#[test]
fn scalars_have_their_shapes() {
    let container = schema()
        .get("io.k8s.api.core.v1.ResourceRequirements")
        .unwrap();
    assert_eq!(
        container.field("limits").unwrap().shape,
        Shape::Map(Box::new(Shape::Quantity))
    );
    let port = schema().get("io.k8s.api.core.v1.ServicePort").unwrap();
    assert_eq!(port.field("targetPort").unwrap().shape, Shape::IntOrString);
    let secret = schema().get("io.k8s.api.core.v1.Secret").unwrap();
    assert_eq!(
        secret.field("data").unwrap().shape,
        Shape::Map(Box::new(Shape::Bytes))
    );
}

#[test]
fn the_names_of_go_are_there() {
    assert_eq!(
        go_field("core.v1.Container", "imagePullPolicy"),
        ("", Some("v1.PullPolicy"))
    );
    assert_eq!(
        go_field("core.v1.PersistentVolumeClaimSpec", "accessModes"),
        ("", Some("[]v1.PersistentVolumeAccessMode"))
    );
    assert_eq!(
        go_field("core.v1.Volume", "projected"),
        ("VolumeSource", None)
    );
    assert_eq!(
        go_field(
            "admissionregistration.v1.NamedRuleWithOperations",
            "apiGroups"
        ),
        ("RuleWithOperations.Rule", None)
    );
    assert_eq!(go_field("core.v1.Container", "name"), ("", None));
    assert_eq!(go_field("core.v1.Container", "nam"), ("", None));
}

#[test]
fn errors_name_types_as_go_does() {
    let check = |(group, version, kind): (&str, &str, &str), json: &str, words: &str| {
        let row = builtin().kind(group, version, kind).unwrap();
        let error = row.strategy.decode(json.as_bytes()).err().unwrap();
        assert_eq!(error, format!("json: cannot unmarshal {words}"));
    };
    check(
        ("", "v1", "Pod"),
        r#"{"spec":{"containers":[{"livenessProbe":{"httpGet":{"scheme":5}}}]}}"#,
        "number into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.scheme of type v1.URIScheme",
    );
    check(
        ("autoscaling", "v2", "HorizontalPodAutoscaler"),
        r#"{"apiVersion":"autoscaling/v2","metadata":5}"#,
        "number into Go struct field HorizontalPodAutoscaler.metadata of type v1.ObjectMeta",
    );
    check(
        ("autoscaling", "v2", "HorizontalPodAutoscaler"),
        r#"{"spec":{"metrics":[{"type":true}]}}"#,
        "bool into Go struct field MetricSpec.spec.metrics.type of type v2.MetricSourceType",
    );
}
