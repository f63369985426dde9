use navarch_machinery::field::Path;

use super::{cidr_warnings, endpoint_ip, ip_warnings};

#[test]
fn traffic_goes_to_proper_addresses() {
    let is_fine = |ip| endpoint_ip(ip, &Path::new("ip")).is_empty();
    assert!(is_fine("10.1.2.3"));
    assert!(is_fine("2001:db8::1"));
    for bad in [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.1.1",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "x",
        "::ffff:127.0.0.1",
    ] {
        assert!(!is_fine(bad), "{bad}");
    }
}

#[test]
fn odd_spellings_are_told() {
    let path = Path::new("ip");
    assert!(ip_warnings(&path, "10.1.2.3").is_empty());
    assert_eq!(
        ip_warnings(&path, "010.1.2.3"),
        ["ip: non-standard IP address \"010.1.2.3\" is invalid: use \"10.1.2.3\""]
    );
    assert_eq!(
        ip_warnings(&path, "2001:DB8::1"),
        [
            "ip: IPv6 address \"2001:DB8::1\" should be in RFC 5952 canonical format (\"2001:db8::1\")"
        ]
    );
    assert!(cidr_warnings(&path, "10.0.0.0/8").is_empty());
    assert_eq!(
        cidr_warnings(&path, "10.1.2.3/8"),
        [
            "ip: CIDR value \"10.1.2.3/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.2.3/32\"?)"
        ]
    );
    assert!(cidr_warnings(&path, "0.0.0.0/0").is_empty());
    assert!(cidr_warnings(&path, "::/0").is_empty());
}
