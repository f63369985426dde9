use proptest::prelude::*;

use super::*;
use crate::field::Path;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
    alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
    end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
    character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end \
    with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn check(check: fn(&str) -> Findings, good: &[&str], bad: &[(&str, &[&str])]) {
    for name in good {
        assert_eq!(check(name), Findings::new(), "{name}");
    }
    for (name, words) in bad {
        assert_eq!(check(name), *words, "{name}");
    }
}

#[test]
fn dns_labels() {
    let long = "a".repeat(64);
    let too_long: &[&str] = &["must be no more than 63 characters"];
    check(
        is_dns1123_label,
        &["a", "0-9", "a--b"],
        &[
            ("", &[LABEL]),
            ("-a", &[LABEL]),
            ("A", &[LABEL]),
            ("a.b", &["must not contain dots"]),
        ],
    );
    check(is_dns1123_label, &[], &[(&long, too_long)]);
    check(is_dns1035_label, &["a", "a-9"], &[(&long, too_long)]);
    let words = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with \
                 an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    check(
        is_dns1035_label,
        &[],
        &[("9a", &[words]), ("a-", &[words]), ("a.b", &[words])],
    );
}

#[test]
fn dns_subdomains() {
    let long = format!("{}a", "a.".repeat(127));
    check(
        is_dns1123_subdomain,
        &["a", "a.b-c.1"],
        &[
            ("Not_A_Name!", &[SUBDOMAIN]),
            ("a..b", &[SUBDOMAIN]),
            (".a", &[SUBDOMAIN]),
            (&long, &["must be no more than 253 characters"]),
        ],
    );
    assert!(is_wildcard_dns1123_subdomain("*.example.com").is_empty());
    assert!(is_wildcard_dns1123_subdomain("*")[0].contains(r"'\*\.[a-z0-9]("));
    assert!(is_dns1123_subdomain_with_underscore("_a._b_c").is_empty());
    assert!(!is_dns1123_subdomain_with_underscore("a_").is_empty());
    let path = Path::new("f");
    assert_eq!(
        is_fully_qualified_name(&path, "a.b")[0].detail,
        "should be a domain with at least three segments separated by dots"
    );
    assert!(
        is_fully_qualified_name(&path, "a.b.c").is_empty()
            && is_fully_qualified_domain_name(&path, "a.b.").is_empty()
    );
    assert_eq!(
        is_fully_qualified_domain_name(&path, "a")[0].detail,
        "should be a domain with at least two segments separated by dots"
    );
}

#[test]
fn label_keys_and_values() {
    let long = "a".repeat(64);
    check(
        is_qualified_name,
        &["a", "A.b_c-d", "example.com/a"],
        &[
            ("", &["name part must be non-empty", NAME_PART]),
            ("bad key!", &[NAME_PART]),
            ("/a", &["prefix part must be non-empty"]),
            ("a/", &["name part must be non-empty", NAME_PART]),
            (&long, &["name part must be no more than 63 bytes"]),
        ],
    );
    assert_eq!(
        is_qualified_name("B/a"),
        [format!("prefix part {SUBDOMAIN}")]
    );
    assert!(
        is_qualified_name("a/b/c")[0].ends_with(
            " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        )
    );
    check(
        is_label_value,
        &["", "a", "A_1.b"],
        &[
            ("bad value!", &[VALUE]),
            ("-", &[VALUE]),
            (&long, &["must be no more than 63 bytes"]),
        ],
    );
}

#[test]
fn keys_of_config_maps_and_variables() {
    let key = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', \
               regex used for validation is '[-._a-zA-Z0-9]+')";
    check(
        is_config_map_key,
        &["a", "..a".trim_start_matches('.'), ".a"],
        &[
            ("", &[key]),
            ("a b", &[key]),
            (".", &["must not be '.'"]),
            ("..", &["must not be '..'"]),
            ("..a", &["must not start with '..'"]),
        ],
    );
    let printable = "a valid environment variable name must consist only of printable ASCII characters other than '='";
    let empty = "environment variable name must be non-empty";
    check(
        is_relaxed_env_var_name,
        &["1 a!"],
        &[
            ("", &[empty]),
            ("a=b", &[printable]),
            ("é", &[printable]),
            ("a\n", &[printable]),
        ],
    );
    assert!(is_env_var_name("A.b-c_1").is_empty());
    assert!(is_env_var_name("1a")[0].ends_with("(e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"));
    assert!(is_c_identifier("a_1").is_empty() && !is_c_identifier("1a").is_empty());
    assert!(is_http_header_name("X-A").is_empty() && !is_http_header_name("X A").is_empty());
    let path = Path::new("f");
    assert!(is_domain_prefixed_path(&path, "acme.io/foo/bar").is_empty());
    assert_eq!(
        is_domain_prefixed_path(&path, "acme.io")[0].detail,
        "must be a domain-prefixed path (such as \"acme.io/foo\")"
    );
}

#[test]
fn ports_and_numbers() {
    check(
        is_port_name,
        &["http", "8080-tcp"],
        &[
            (
                "toolongportnameforkubernetes",
                &["must be no more than 15 characters"],
            ),
            ("80", &["must contain at least one letter (a-z)"]),
            ("a--b", &["must not contain consecutive hyphens"]),
            ("-a", &["must not begin or end with a hyphen"]),
            (
                "A",
                &[
                    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                    "must contain at least one letter (a-z)",
                ],
            ),
        ],
    );
    assert_eq!(
        is_port_number(70000),
        ["must be between 1 and 65535, inclusive"]
    );
    assert_eq!(
        is_valid_user_id(-1),
        ["must be between 0 and 2147483647, inclusive"]
    );
    let percent = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation \
                   is '[0-9]+%')";
    check(
        is_valid_percent,
        &["1%", "100%"],
        &[("x%", &[percent]), ("%", &[percent]), ("1", &[percent])],
    );
}

#[test]
fn addresses() {
    let details = |check: fn(&Path, &str) -> crate::field::ErrorList, text: &str| -> Vec<String> {
        check(&Path::new("f"), text)
            .into_iter()
            .map(|error| error.detail)
            .collect()
    };
    let none: [&str; 0] = [];
    for ip in ["1.2.3.4", "::1", "2001:db8::ffff"] {
        assert_eq!(details(is_valid_ip, ip), none, "{ip}");
    }
    assert_eq!(
        details(is_valid_ip, "x"),
        ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    );
    assert_eq!(
        details(is_valid_ip, "1.2.3.256"),
        ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    );
    assert_eq!(
        details(is_valid_ip, "1.2.3.04"),
        ["must not have leading 0s"]
    );
    assert_eq!(
        details(is_valid_ip, "::ffff:1.2.3.4"),
        ["must not be an IPv4-mapped IPv6 address"]
    );
    assert_eq!(
        details(is_valid_ip, "0::1"),
        ["must be in canonical form (\"::1\")"]
    );
    for cidr in ["10.0.0.0/8", "2001:db8::/64", "0.0.0.0/0", "::/0"] {
        assert_eq!(details(is_valid_cidr, cidr), none, "{cidr}");
    }
    assert_eq!(
        details(is_valid_cidr, "10.0.0.0"),
        ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]
    );
    assert_eq!(
        details(is_valid_cidr, "10.0.0.0/33"),
        ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]
    );
    assert_eq!(
        details(is_valid_cidr, "10.0.0.0/08"),
        ["must not have leading 0s in IP or prefix length"]
    );
    assert_eq!(
        details(is_valid_cidr, "10.0.0.1/8"),
        ["must not have bits set beyond the prefix length"]
    );
    assert_eq!(
        details(is_valid_cidr, "0::/64"),
        ["must be in canonical form (\"::/64\")"]
    );
    let path = Path::new("f");
    assert!(is_valid_ip_for_legacy_field(&path, "1.2.3.04", false).is_empty());
    assert_eq!(
        warnings_for_ip(&path, "1.2.3.04"),
        ["f: non-standard IP address \"1.2.3.04\" is invalid: use \"1.2.3.4\""]
    );
    assert_eq!(
        warnings_for_ip(&path, "0::1"),
        ["f: IPv6 address \"0::1\" should be in RFC 5952 canonical format (\"::1\")"]
    );
    let ambiguous = "f: CIDR value \"10.1.2.3/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.2.3/32\"?)";
    assert_eq!(warnings_for_cidr(&path, "10.1.2.3/8"), [ambiguous]);
    assert!(is_valid_interface_address(&path, "10.1.2.3/8").is_empty());
}

#[test]
fn generated_names_are_cut_and_spelled_without_vowels() {
    let mut seed = 0_u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let name = generate(&"a".repeat(100), &mut random);
    assert_eq!(name.len(), 63);
    assert!(
        name[58..]
            .bytes()
            .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
    );
    assert_eq!(
        generate("é".repeat(40).as_str(), &mut random)
            .chars()
            .filter(|c| *c == 'é')
            .count(),
        29
    );
    assert_ne!(generate("a-", &mut random), generate("a-", &mut random));
}

/// What the regular expressions that the messages show would match.
fn model(text: &str, first: &str, inner: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let (Some(start), Some(end)) = (letters.first(), letters.last()) else {
        return false;
    };
    first.contains(*start) && first.contains(*end) && letters.iter().all(|c| inner.contains(*c))
}

proptest! {
    #[test]
    fn labels_are_what_their_expression_says(text in "[a-c0.A-]{0,6}") {
        let alphanumeric = "abc0";
        let label = |text: &str| model(text, alphanumeric, "abc0-");
        prop_assert_eq!(is_dns1123_label(&text).is_empty(), label(&text));
        prop_assert_eq!(is_dns1123_subdomain(&text).is_empty(), text.split('.').all(label));
        let name = model(&text, "abcA0", "abcA0.-");
        prop_assert_eq!(is_qualified_name(&text).is_empty(), name);
        prop_assert_eq!(is_label_value(&text).is_empty(), name || text.is_empty());
    }

    #[test]
    fn never_panic(text in ".{0,80}") {
        let path = Path::new("f");
        for check in [is_dns1123_label, is_dns1035_label, is_qualified_name, is_config_map_key, is_port_name, is_wildcard_dns1123_subdomain] {
            let _ = check(&text);
        }
        let _ = (is_valid_ip(&path, &text), is_valid_cidr(&path, &text), warnings_for_cidr(&path, &text));
    }

    #[test]
    fn canonical_networks_are_valid(address in any::<u32>(), length in 0..=32_u8) {
        let network = format!("{}/{length}", masked(std::net::IpAddr::V4(address.into()), length));
        prop_assert!(is_valid_cidr(&Path::new("f"), &network).is_empty());
    }
}
