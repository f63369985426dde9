use super::{duration, first_three};

#[test]
fn durations_are_as_short_as_kubectl_shows_them() {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 3600;
    const DAY: i64 = 86_400;
    let cases = [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (5 * MINUTE + 10, "5m10s"),
        (10 * MINUTE + 10, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR + 5 * MINUTE, "3h5m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (2 * DAY + 3 * HOUR, "2d3h"),
        (8 * DAY + 3 * HOUR, "8d"),
        (3 * 365 * DAY + 40 * DAY, "3y40d"),
        (9 * 365 * DAY, "9y"),
    ];
    for (seconds, shown) in cases {
        assert_eq!(duration(seconds), shown, "{seconds}");
    }
}

#[test]
fn long_lists_are_cut() {
    let members = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(first_three(members(3)), "0,1,2");
    assert_eq!(first_three(members(5)), "0,1,2 + 2 more...");
}
