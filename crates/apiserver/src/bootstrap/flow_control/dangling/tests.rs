use navarch_api::flowcontrol::initial::{flow_schemas, priority_levels};

use super::*;

#[test]
fn a_schema_is_told_once_and_again_when_its_level_goes() {
    let levels: Vec<_> = priority_levels().into_iter().map(Arc::new).collect();
    let mut schema = flow_schemas().remove(0);
    let now = Timestamp::UNIX_EPOCH;
    let told = news(&schema, &levels, now).unwrap();
    assert_eq!(told.reason.as_deref(), Some("Found"));
    schema.status.get_or_insert_default().conditions = Some(vec![told]);
    assert_eq!(news(&schema, &levels, now), None);
    let gone = news(&schema, &[], now).unwrap();
    assert_eq!(gone.status.as_deref(), Some("True"));
    assert_eq!(
        gone.message.as_deref(),
        Some(
            "This FlowSchema references the PriorityLevelConfiguration object named \"exempt\" but there is no such object"
        )
    );
}
