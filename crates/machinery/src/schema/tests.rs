use std::fmt::Write;
use std::time::Instant;

use super::*;

const TABLE: &str = "\
# two types
io.k8s.api.apps.v1.Deployment gvk=apps/v1/Deployment
 spec io.k8s.api.apps.v1.DeploymentSpec default={} pb=2
io.k8s.api.apps.v1.DeploymentSpec map=atomic
 containers []io.k8s.api.core.v1.Container required list=map keys=name,port patch=merge,retainKeys key=name pb=2
 limits {}quantity map=granular
 protocol string default=\"TCP\" enum=TCP,UDP pb=2.7

io.k8s.api.core.v1.Container gvk=/v1/Container gvk=x/v1/Container
 args [][]string list=atomic
 when time
";

#[test]
fn reads_every_attribute() {
    let types = Types::parse(TABLE).unwrap();
    let spec = types.get("io.k8s.api.apps.v1.DeploymentSpec").unwrap();
    assert!(spec.atomic);
    let containers = spec.field("containers").unwrap();
    let container = types.id("io.k8s.api.core.v1.Container").unwrap();
    assert_eq!(
        containers.shape,
        Shape::List(Box::new(Shape::Struct(container)))
    );
    assert!(containers.required);
    assert_eq!(containers.list_type, Some(ListType::Map));
    assert_eq!(containers.list_keys, ["name", "port"]);
    assert_eq!(
        containers.patch,
        PatchStrategy {
            merge: true,
            replace: false,
            retain_keys: true
        }
    );
    assert_eq!(containers.merge_key.as_deref(), Some("name"));
    assert_eq!(containers.numbers(), [2, 0, 0]);
    let limits = spec.field("limits").unwrap();
    assert_eq!(limits.shape, Shape::Map(Box::new(Shape::Quantity)));
    assert_eq!(limits.map_atomic, Some(false));
    let protocol = spec.field("protocol").unwrap();
    assert_eq!(protocol.default.as_deref(), Some("\"TCP\""));
    assert_eq!(protocol.values, ["TCP", "UDP"]);
    assert_eq!(protocol.numbers(), [2, 7, 0]);
    assert!(spec.field("bogus").is_none());
}

#[test]
fn finds_kinds() {
    let types = Types::parse(TABLE).unwrap();
    let deployment = types.kind("apps", "v1", "Deployment").unwrap();
    assert_eq!(types[deployment].name, "io.k8s.api.apps.v1.Deployment");
    assert_eq!(
        types.kind("", "v1", "Container"),
        types.kind("x", "v1", "Container")
    );
    assert!(types.kind("apps", "v2", "Deployment").is_none());
    assert_eq!(types.iter().count(), 3);
}

#[test]
fn names_the_line_that_is_wrong() {
    let check = |text: &'static str, expected: &str| {
        assert_eq!(Types::parse(text).unwrap_err().to_string(), expected);
    };
    check(" name string", "schema line 1: a field without a type");
    check("a.B\n name", "schema line 2: \"name\" has no shape");
    check("a.B\n\n b c.D", "schema line 3: there is no type c.D");
    check("a.B\na.B", "schema line 2: a.B is there twice");
    check(
        "a.B gvk=v1/B",
        "schema line 1: v1/B is not GROUP/VERSION/KIND",
    );
    check(
        "a.B\n b string odd=1",
        "schema line 2: unknown attribute odd=1 of b",
    );
    check(
        "a.B\n b string patch=odd",
        "schema line 2: unknown patch strategy odd",
    );
    check(
        "a.B\n b string pb=x",
        "schema line 2: x is not a field number",
    );
    check(
        "a.B\n b [][][][][][][][][][]string",
        "schema line 2: lists and maps are nested too deeply",
    );
}

#[test]
fn reads_a_table_as_large_as_kubernetes() {
    let mut text = String::new();
    for ty in 0..800 {
        let _ = writeln!(text, "io.k8s.api.core.v1.Type{ty} gvk=/v1/Type{ty}");
        for field in 0..6 {
            let _ = writeln!(
                text,
                " field{field} []io.k8s.api.core.v1.Type{} list=map keys=name patch=merge key=name pb=1",
                ty / 2
            );
        }
    }
    let text: &'static str = text.leak();
    let start = Instant::now();
    let types = Types::parse(text).unwrap();
    // Unoptimized and on a busy machine; the release build needs about a millisecond.
    assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    assert_eq!(
        types.iter().map(|ty| ty.fields().len()).sum::<usize>(),
        4800
    );
}
