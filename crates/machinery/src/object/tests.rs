use k8s_openapi::api::core::v1::{ConfigMap, Pod};

use super::*;

#[test]
fn objects_are_encoded_with_their_kind() {
    let mut object: Box<dyn Object> = Box::new(ConfigMap::default());
    object.metadata_mut().name = Some("a".into());
    object.metadata_mut().creation_timestamp = Some(crate::time::seconds(
        "2026-11-22T16:05:00.5Z".parse().unwrap(),
    ));
    let mut out = Vec::new();
    object.encode(&mut out);
    let expected = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"creationTimestamp":"2026-11-22T16:05:00Z","name":"a"}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn objects_are_taken_for_what_they_are() {
    let object: Arc<dyn Object> = Arc::new(ConfigMap::default());
    assert!(downcast::<Pod>(object.clone()).is_none());
    assert!(downcast::<ConfigMap>(object).is_some());
}
