use super::*;

/// What happens to a node at 192.0.2.1 on eth0: what the host has, from where the API is reached, after how many seconds, and where the node is
/// then.
struct Node(Place, Instant);

impl Node {
    fn new() -> Self {
        let at = "192.0.2.1".parse().unwrap();
        let inside = vec!["10.244.0.0/16".parse().unwrap()];
        let place = Place::new(at, inside, &held("eth0 192.0.2.1"));
        Self(place, Instant::now())
    }

    #[track_caller]
    fn is(&mut self, host: &str, way: &str, seconds: u64, at: &str) {
        let (held, way) = (held(host), way.parse().ok());
        let now = self.1 + Duration::from_secs(seconds);
        let way = way.filter(|_| self.0.is_in_doubt(&held));
        let before = self.0.at;
        let moved = self.0.next(&held, way, now);
        assert_eq!(self.0.at.to_string(), at);
        assert_eq!(moved, (before != self.0.at).then_some(self.0.at));
    }
}

/// As `eth0 192.0.2.1, wlan0 198.51.100.1`.
fn held(text: &str) -> Vec<Held> {
    let one = |text: &str| {
        let (interface, ip) = text.split_once(' ')?;
        Some((interface.to_owned(), ip.parse().unwrap()))
    };
    text.split(", ").filter_map(one).collect()
}

#[test]
fn a_node_stays_for_as_long_as_the_host_has_its_address() {
    let mut node = Node::new();
    node.is(
        "eth0 192.0.2.1, tun0 198.51.100.1",
        "198.51.100.1",
        0,
        "192.0.2.1",
    );
    node.is(
        "tun0 198.51.100.1, eth0 192.0.2.1",
        "198.51.100.1",
        100,
        "192.0.2.1",
    );
}

#[test]
fn it_goes_to_another_address_of_its_interface_at_once() {
    let mut node = Node::new();
    node.is("", "", 0, "192.0.2.1");
    node.is("eth0 192.0.2.9", "192.0.2.9", 1, "192.0.2.9");
    // There it is at home.
    node.is(
        "eth0 192.0.2.9, eth0 192.0.2.1",
        "192.0.2.1",
        2,
        "192.0.2.9",
    );
}

#[test]
fn it_goes_to_another_interface_after_a_while_and_comes_back() {
    let both = "eth0 192.0.2.1, wlan0 198.51.100.1";
    let mut node = Node::new();
    node.is("wlan0 198.51.100.1", "198.51.100.1", 0, "192.0.2.1");
    node.is("wlan0 198.51.100.1", "198.51.100.1", 9, "192.0.2.1");
    // It was away for a moment.
    node.is(both, "192.0.2.1", 9, "192.0.2.1");
    node.is("wlan0 198.51.100.1", "198.51.100.1", 20, "192.0.2.1");
    node.is("wlan0 198.51.100.1", "198.51.100.1", 30, "198.51.100.1");
    node.is("wlan0 198.51.100.7", "198.51.100.7", 40, "198.51.100.7");
    node.is(both, "198.51.100.1", 50, "192.0.2.1");
    node.is(both, "198.51.100.1", 60, "192.0.2.1");
}

#[test]
fn it_comes_back_to_an_interface_that_has_another_address() {
    let mut node = Node::new();
    node.is("wlan0 198.51.100.1", "198.51.100.1", 0, "192.0.2.1");
    node.is("wlan0 198.51.100.1", "198.51.100.1", 10, "198.51.100.1");
    let both = "eth0 192.0.2.9, wlan0 198.51.100.1";
    node.is(both, "198.51.100.1", 20, "198.51.100.1");
    node.is(both, "192.0.2.9", 21, "192.0.2.9");
}

#[test]
fn it_goes_nowhere_where_others_would_not_find_it() {
    let mut node = Node::new();
    for (host, way) in [
        ("", "0.0.0.0"),
        ("eth0 0.0.0.0", "0.0.0.0"),
        ("eth0 fe80::1", "fe80::1"),
        ("eth0 169.254.7.7", "169.254.7.7"),
        ("lo 127.0.0.1", "127.0.0.1"),
        ("eth0 2001:db8::1", "2001:db8::1"),
        // The bridge's, where pods are.
        ("eth0 10.244.0.1", "10.244.0.1"),
        // The host had it when the way was looked for.
        ("eth0 192.0.2.7", "192.0.2.8"),
    ] {
        node.is(host, way, 0, "192.0.2.1");
        node.is(host, way, 100, "192.0.2.1");
    }
}
