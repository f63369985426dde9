use super::*;
use crate::schema::schema;
use crate::table::builtin;

#[test]
fn all_resources_have_texts() {
    let texts = Texts::unpacked();
    for def in builtin().rows() {
        let id = schema().kind(&def.group, &def.version, &def.kind).unwrap();
        let ty = &schema()[id];
        assert!(
            texts.of_type(&ty.name).is_some(),
            "{} lacks a text: name it in build.rs",
            ty.name
        );
    }
}

#[test]
fn they_are_kept_for_as_long_as_somebody_reads() {
    let texts = Texts::unpacked();
    assert!(Arc::ptr_eq(&texts, &Texts::unpacked()));
    let policy = texts.of_field("io.k8s.api.core.v1.Container", "imagePullPolicy");
    assert!(
        policy.unwrap().starts_with("Image pull policy."),
        "{policy:?}"
    );
}
