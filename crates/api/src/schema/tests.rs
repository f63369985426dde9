use navarch_machinery::schema::{ListType, Shape, Types};

use super::{TABLE, schema};
use crate::table::builtin;

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
