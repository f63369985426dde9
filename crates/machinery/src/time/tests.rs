use super::*;

#[test]
fn times_are_cut_to_what_is_told() {
    let now: Timestamp = "2026-11-22T16:05:00.123456789Z".parse().unwrap();
    assert_eq!(seconds(now).0.to_string(), "2026-11-22T16:05:00Z");
    assert_eq!(
        microseconds(now).0.to_string(),
        "2026-11-22T16:05:00.123456Z"
    );
    assert_eq!(format(&Time(now)), "2026-11-22T16:05:00Z");
    assert_eq!(
        serde_json::to_value(seconds(now)).unwrap(),
        format(&seconds(now))
    );
}
