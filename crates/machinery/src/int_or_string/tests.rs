use proptest::prelude::*;

use super::*;

fn text(text: &str) -> IntOrString {
    IntOrString::String(text.into())
}

#[test]
fn percents_are_rounded_as_asked() {
    assert_eq!(scaled(&text("25%"), 10, true), Ok(3));
    assert_eq!(scaled(&text("25%"), 10, false), Ok(2));
    assert_eq!(scaled(&text("0%"), 10, true), Ok(0));
    assert_eq!(scaled(&text("200%"), 10, true), Ok(20));
    assert_eq!(scaled(&IntOrString::Int(7), 10, true), Ok(7));
    assert_eq!(
        scaled(&text("9223372036854775807%"), 100, true),
        Ok(i32::MAX)
    );
    assert_eq!(to_text(&text("5%")), "5%");
}

#[test]
fn errors_are_kubernetes() {
    let words = |value: &str| scaled(&text(value), 1, true).unwrap_err().to_string();
    assert_eq!(
        words("5"),
        "invalid value for IntOrString: invalid type: string is not a percentage"
    );
    let syntax = "invalid value for IntOrString: invalid value \"x%\": strconv.Atoi: parsing \"x\": invalid syntax";
    assert_eq!(words("x%"), syntax);
    assert!(words("99999999999999999999%").ends_with("value out of range"));
}

proptest! {
    #[test]
    fn up_is_down_or_one_more(percent in 0..200_i64, total in 0..100_000) {
        let value = text(&format!("{percent}%"));
        let (up, down) = (scaled(&value, total, true).unwrap(), scaled(&value, total, false).unwrap());
        let exact = percent * i64::from(total) % 100 == 0;
        prop_assert_eq!(up - down, i32::from(!exact));
        prop_assert_eq!(i64::from(down), percent * i64::from(total) / 100);
    }
}
