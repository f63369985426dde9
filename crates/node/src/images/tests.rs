use super::*;

#[test]
fn the_policy_follows_the_tag() {
    let policy_of = |image: &str| {
        policy(&Container {
            image: Some(image.into()),
            ..Container::default()
        })
        .to_owned()
    };
    assert_eq!(policy_of("nginx"), "Always");
    assert_eq!(policy_of("host:5000/nginx"), "Always");
    assert_eq!(policy_of("nginx:latest"), "Always");
    assert_eq!(policy_of("nginx:1.27"), "IfNotPresent");
    assert_eq!(policy_of("nginx@sha256:00"), "IfNotPresent");
}

#[test]
fn durations_as_go_writes_them() {
    let cases = [
        (5, "5ms"),
        (1500, "1.5s"),
        (2000, "2s"),
        (61_020, "1m1.02s"),
    ];
    for (milliseconds, text) in cases {
        assert_eq!(go_duration(Duration::from_millis(milliseconds)), text);
    }
}
