//! The host's resolvers.

use std::net::{IpAddr, SocketAddr};

/// As many as the C library looks at.
const MAX_SERVERS: usize = 3;

/// The servers that a `resolv.conf` names, without those that would ask us again.
pub(crate) fn servers(text: &str, own: impl Fn(SocketAddr) -> bool) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        // A link-local address may say of which link; that is for the C library alone.
        let ip: IpAddr = words.next()?.parse().ok()?;
        Some(SocketAddr::new(ip, 53))
    };
    text.lines()
        .filter_map(server)
        .take(MAX_SERVERS)
        .filter(|server| !own(*server))
        .collect()
}
