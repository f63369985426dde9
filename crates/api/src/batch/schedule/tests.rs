use super::*;

fn fields(text: &str) -> Fields {
    match Schedule::parse(text).unwrap() {
        Schedule::At(fields) => fields,
        Schedule::Every(_) => panic!("{text}"),
    }
}

#[test]
fn fields_are_sets() {
    let at = fields("*/15 1-3 ? JAN,dec mon-fri");
    assert_eq!(at.minutes.bits, 1 | 1 << 15 | 1 << 30 | 1 << 45);
    assert!(!at.minutes.is_star);
    assert_eq!(at.hours.bits, 0b1110);
    assert!(at.days.is_star);
    assert_eq!(at.months.bits, 1 << 1 | 1 << 12);
    assert_eq!(at.days_of_week.bits, 0b11_1110);
    assert_eq!(fields("50/5 * * * *").minutes.bits, 1 << 50 | 1 << 55);
}

#[test]
fn descriptors_stand_for_fields() {
    for (name, long) in [
        ("@yearly", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("TZ=UTC 0 * * * *", "0 * * * *"),
    ] {
        assert_eq!(Schedule::parse(name), Schedule::parse(long), "{name}");
    }
    let minutes = 90 * 60 * 1_000_000_000;
    assert_eq!(
        Schedule::parse("@every 1h30m"),
        Ok(Schedule::Every(minutes))
    );
}

#[test]
fn what_is_wrong_is_said_as_kubernetes_does() {
    for (text, words) in [
        ("", "empty spec string"),
        ("x", "expected exactly 5 fields, found 1: [x]"),
        (
            "* * * *  * *",
            "expected exactly 5 fields, found 6: [* * * * * *]",
        ),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        (
            "5-1 * * * *",
            "beginning of range (5) beyond end of range (1): 5-1",
        ),
        (
            "*/0 * * * *",
            "step of range should be a positive number: */0",
        ),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        (
            "a * * * *",
            "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax",
        ),
        (
            "99999999999999999999 * * * *",
            "failed to parse int from 99999999999999999999: strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        ),
        ("@often", "unrecognized descriptor: @often"),
        (
            "@every 5",
            "failed to parse duration @every 5: time: missing unit in duration \"5\"",
        ),
        (
            "@every 5x",
            "failed to parse duration @every 5x: time: unknown unit \"x\" in duration \"5x\"",
        ),
        (
            "@every x",
            "failed to parse duration @every x: time: invalid duration \"x\"",
        ),
        (
            "TZ=Nowhere * * * * *",
            "provided bad location Nowhere: unknown time zone Nowhere",
        ),
        (
            "TZ=0",
            "invalid schedule format: runtime error: slice bounds out of range [:-1]",
        ),
    ] {
        assert_eq!(Schedule::parse(text), Err(words.to_owned()), "{text}");
    }
}
