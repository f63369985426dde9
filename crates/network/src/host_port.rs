//! Ports of the host that lead to a pod (`hostPort` in a container's `ports`).

use std::{fmt, net::IpAddr, num::NonZeroU16};

use serde::{Deserialize, Serialize};

/// A transport protocol, spelled as in a pod's spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
    /// Stream Control Transmission Protocol.
    Sctp,
}

impl Protocol {
    /// As nftables writes it.
    pub(crate) fn rule_name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }

    /// As in a packet.
    pub(crate) fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }

    /// From a packet; `None` if it is none of these.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp]
            .into_iter()
            .find(|protocol| protocol.number() == number)
    }

    /// From a spec, where nothing means TCP; `None` if it is none of these.
    pub(crate) fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("TCP") => Some(Self::Tcp),
            Some("UDP") => Some(Self::Udp),
            Some("SCTP") => Some(Self::Sctp),
            Some(_) => None,
        }
    }
}

/// One port of the host and the pod's port it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPort {
    /// Which protocol's port space.
    pub protocol: Protocol,
    /// The host's address to listen on; `None`, or an unspecified address, is each of them.
    pub host_ip: Option<IpAddr>,
    /// The port on the host.
    pub host_port: u16,
    /// The port in the pod.
    pub container_port: u16,
}

impl HostPort {
    /// The one address this port is limited to, if it is.
    pub fn address(&self) -> Option<IpAddr> {
        self.host_ip.filter(|ip| !ip.is_unspecified())
    }

    /// Whether both cannot be served at once: same protocol and port, and an address in common.
    /// The scheduler's `NodePorts` rule.
    pub fn conflicts_with(&self, other: &HostPort) -> bool {
        let same_address = match (self.address(), other.address()) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same_address && self.protocol == other.protocol && self.host_port == other.host_port
    }

    /// Whether it is this port of UDP.
    pub(crate) fn is_udp(&self, port: Option<NonZeroU16>) -> bool {
        self.protocol == Protocol::Udp && port.map(NonZeroU16::get) == Some(self.host_port)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ip) = self.address() {
            write!(f, "{ip} ")?;
        }
        write!(f, "{}/{}", self.host_port, self.protocol.rule_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(protocol: Protocol, host_ip: Option<&str>, host_port: u16) -> HostPort {
        HostPort {
            protocol,
            host_ip: host_ip.map(|ip| ip.parse().unwrap()),
            host_port,
            container_port: 80,
        }
    }

    #[test]
    fn ports_conflict_where_they_share_an_address() {
        let any = port(Protocol::Tcp, None, 80);
        assert!(any.conflicts_with(&any));
        assert!(any.conflicts_with(&port(Protocol::Tcp, Some("10.0.0.1"), 80)));
        assert!(
            port(Protocol::Tcp, Some("0.0.0.0"), 80).conflicts_with(&port(
                Protocol::Tcp,
                Some("10.0.0.1"),
                80
            ))
        );
        assert!(
            !port(Protocol::Tcp, Some("10.0.0.2"), 80).conflicts_with(&port(
                Protocol::Tcp,
                Some("10.0.0.1"),
                80
            ))
        );
        assert!(!any.conflicts_with(&port(Protocol::Udp, None, 80)));
        assert!(!any.conflicts_with(&port(Protocol::Tcp, None, 81)));
    }

    #[test]
    fn a_port_of_the_node_s_own_is_of_one_protocol() {
        let port = |protocol| HostPort {
            protocol,
            host_ip: None,
            host_port: 51_820,
            container_port: 80,
        };
        let own = NonZeroU16::new(51_820);
        assert!(port(Protocol::Udp).is_udp(own));
        assert!(!port(Protocol::Tcp).is_udp(own));
        assert!(!port(Protocol::Udp).is_udp(None));
    }
}
