use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn other(address: &str, interface: &str) -> Seen {
    Seen::Other(ip(address), interface.to_owned())
}

#[test]
fn a_node_goes_only_where_others_reach_it() {
    let inside = ["10.244.0.0/16", "fd00:10::/32"].map(|range| range.parse().unwrap());
    for (own, next, expected) in [
        ("192.0.2.1", "192.0.2.2", true),
        ("2001:db8::1", "2001:db8::2", true),
        ("192.0.2.1", "0.0.0.0", false),
        ("192.0.2.1", "169.254.7.7", false),
        ("192.0.2.1", "127.0.0.1", false),
        ("127.0.0.2", "127.0.0.1", true),
        ("2001:db8::1", "fe80::1", false),
        ("2001:db8::1", "::", false),
        // Of the other family, though a server is reached by it.
        ("192.0.2.1", "2001:db8::2", false),
        // A bridge's, where pods are.
        ("192.0.2.1", "10.244.0.1", false),
        ("2001:db8::1", "fd00:10::1", false),
    ] {
        let is_so = may_be_next(ip(next), ip(own), &inside);
        assert_eq!(is_so, expected, "{own} to {next}");
    }
}

#[test]
fn a_link_that_is_down_for_a_moment_moves_nothing() {
    let begun = Instant::now();
    let after = |seconds| begun + Duration::from_secs(seconds);
    let on_eth0 = || Seen::Own(Some("eth0".to_owned()));
    let mut place = Place::at(ip("192.0.2.1"));
    assert!(!place.follow(on_eth0(), after(0)));
    // There is another way meanwhile, of a tunnel; and the address is back, and goes again.
    assert!(!place.follow(other("198.51.100.1", "tun0"), after(1)));
    assert!(!place.follow(other("198.51.100.1", "tun0"), after(10)));
    assert!(!place.follow(on_eth0(), after(10)));
    assert!(!place.follow(Seen::Nothing, after(20)));
    assert!(!place.follow(other("198.51.100.1", "tun0"), after(29)));
    assert!(place.follow(other("198.51.100.1", "tun0"), after(30)));
    assert_eq!(place.address, ip("198.51.100.1"));
    // On the interface where it was, another lease is the next address at once.
    assert!(place.follow(other("198.51.100.2", "tun0"), after(31)));
}

/// What the host has is looked for before any way: whatever other ways it has.
#[test]
fn an_address_that_the_host_has_stays() {
    let servers = ["https://192.0.2.1:6443".to_owned()];
    let seen = look(ip("127.0.0.1"), &servers, &[]);
    assert!(matches!(seen, Seen::Own(Some(interface)) if interface == "lo"));
}

#[test]
fn a_server_that_is_reached_from_nowhere_is_told() {
    let servers = ["https://127.0.0.1:6443".to_owned()];
    assert_eq!(
        way_to_any(&servers, may_be_a_node_s).unwrap(),
        ip("127.0.0.1")
    );
    let why = way_to_any(&servers, |_| false).unwrap_err().to_string();
    assert!(
        why.contains("--node-ip") && why.contains("127.0.0.1"),
        "{why}"
    );
}
