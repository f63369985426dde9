use serde_json::json;

use super::*;

fn quota(spec: &str, told: &str) -> ResourceQuota {
    let list = |pods: &str| match pods {
        "" => json!(null),
        pods => json!({"pods": pods}),
    };
    serde_json::from_value(json!({"spec": {"hard": list(spec)}, "status": {"hard": list(told)}}))
        .unwrap()
}

#[test]
fn a_quota_is_counted_when_it_is_new_or_limits_something_else() {
    assert!(limits_anew(None, &quota("1", "")));
    assert!(!limits_anew(None, &quota("1", "1")));
    assert!(limits_anew(Some(&quota("1", "1")), &quota("2", "1")));
    assert!(!limits_anew(Some(&quota("2", "1")), &quota("2", "2")));
}

#[test]
fn a_quota_that_begins_to_limit_is_counted_again() {
    assert!(begins(Some(&quota("1", "")), &quota("1", "1")));
    assert!(begins(Some(&quota("2", "1")), &quota("2", "2")));
    assert!(!begins(Some(&quota("1", "1")), &quota("1", "1")));
    assert!(!begins(Some(&quota("1", "1")), &quota("2", "1")));
    // One that was there before this process was has been counted long ago.
    assert!(!begins(None, &quota("1", "1")));
}
