use proptest::prelude::*;

use super::*;

fn check(text: &str, canonical: &str) {
    let quantity = Quantity::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(quantity.canonical(), canonical, "{text}");
}

#[test]
fn writes_the_canonical_form() {
    for (text, canonical) in [
        ("0", "0"),
        ("-0", "0"),
        ("0Mi", "0"),
        ("1000m", "1"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("5.", "5"),
        ("1500m", "1500m"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("1000Ki", "1000Ki"),
        ("512", "512"),
        ("0.5Ki", "512"),
        ("1e3", "1e3"),
        ("1000e0", "1e3"),
        ("100e-3", "100e-3"),
        ("12E6", "12e6"),
        ("1E", "1E"),
        ("1000E", "1000E"),
        ("2000", "2k"),
        ("-1500", "-1500"),
        ("-2000", "-2k"),
        ("+7", "7"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("1.23456789012", "1234567891n"),
        ("0.3Ki", "307200m"),
        ("0.001Mi", "1048576m"),
        ("16Ei", "9223372036854775807"),
        ("123456789012.123456789", "123456789012123456789n"),
        ("Mi", "0"),
        ("-", "0"),
    ] {
        check(text, canonical);
    }
}

#[test]
fn refuses_in_kubernetes_words() {
    let regex = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let suffix = "unable to parse quantity's suffix";
    for (text, words) in [
        ("", regex),
        ("x", regex),
        ("1 ", regex),
        ("1x", regex),
        ("1.2.3", regex),
        ("1Ki5x", regex),
        ("1KKi", suffix),
        ("1mi", suffix),
        ("1e", suffix),
    ] {
        assert_eq!(
            Quantity::parse(text).unwrap_err().to_string(),
            words,
            "{text}"
        );
    }
}

#[test]
fn keeps_what_kubernetes_takes_for_canonical() {
    for (text, told) in [
        ("1.500", "1.500"),
        ("007", "007"),
        ("+5", "+5"),
        ("5Ki", "5Ki"),
        ("1000", "1k"),
        ("0.5", "500m"),
        ("8Ki", "8Ki"),
        ("1.0", "1"),
    ] {
        assert_eq!(reemit(text).unwrap(), told, "{text}");
    }
}

#[test]
fn rounds_away_from_zero() {
    let value = |text: &str| Quantity::parse(text).unwrap().value();
    assert_eq!(
        (value("1.1"), value("-1.1"), value("2"), value("1n")),
        (2, -2, 2, 1)
    );
    assert_eq!(value("1000E"), i64::MAX);
    assert_eq!(Quantity::parse("100m").unwrap().milli_value(), 100);
    assert_eq!(Quantity::parse("100u").unwrap().milli_value(), 1);
}

#[test]
fn calculates_in_the_format_of_the_first() {
    let parse = |text: &str| Quantity::parse(text).unwrap();
    assert_eq!((parse("1Gi") + parse("1")).to_string(), "1073741825");
    assert_eq!(
        (Quantity::ZERO + parse("1Gi") + parse("1Gi")).to_string(),
        "2Gi"
    );
    assert_eq!((parse("1") - parse("1500m")).to_string(), "-500m");
    assert_eq!(
        [parse("250m"), parse("250m")]
            .into_iter()
            .sum::<Quantity>()
            .to_string(),
        "500m"
    );
    assert!(parse("1") < parse("1001m") && parse("1Ki") == parse("1024"));
}

proptest! {
    #[test]
    fn canonical_form_is_a_fixed_point(nanos in -10_i128.pow(27)..10_i128.pow(27), kind in 0..3) {
        let format = [Format::DecimalSi, Format::BinarySi, Format::DecimalExponent][kind as usize];
        let quantity = Quantity { nanos, format };
        let again = Quantity::parse(&quantity.canonical()).unwrap();
        prop_assert_eq!(again, quantity);
        prop_assert_eq!(again.canonical(), quantity.canonical());
    }

    #[test]
    fn never_panics(text in "[-+0-9.eEinumkKMGTPx ]{0,60}") {
        let _ = reemit(&text);
        let _ = Quantity::parse(&text).map(|quantity| (quantity.canonical(), quantity.value(), -quantity));
    }

    #[test]
    fn sums_are_exact(a in any::<i32>(), b in any::<i32>()) {
        let sum = Quantity::from_milli(i64::from(a)) + Quantity::from_milli(i64::from(b));
        prop_assert_eq!(sum.milli_value(), i64::from(a) + i64::from(b));
    }
}
